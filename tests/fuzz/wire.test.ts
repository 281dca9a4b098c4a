import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { describe, dissect } from '../../src/wire/dissect.ts';
import { hexdump } from '../../src/wire/hexdump.ts';
import { pcapFileHeader, readPcap } from '../../src/wire/pcap.ts';
import { goldenFolder } from '../support/golden.ts';

/** Layers tell the truth about where they lie: in order, without a gap, up to the end of the frame. */
function holdsTogether(frame: Uint8Array): void {
  const { layers, frameLen } = dissect(frame);
  assert.equal(frameLen, frame.length);
  let at = 0;
  for (const { name, offset, length } of layers) {
    assert.equal(offset, at, name);
    assert.ok(length >= 0, name);
    at += length;
  }
  assert.equal(at, frame.length);
  const lines = describe(dissect(frame));
  assert.equal(lines.length, layers.length);
  for (const line of lines) assert.doesNotMatch(line, /undefined|NaN|\n|^$/);
}

const seeds = ['default-1', 'vlan', 'svlan-vlan', 'mpls-3', 'ipv6-tc', 'udpcsum-soft-odd', 'ipsec-null'].map((name) => {
  const [first] = readPcap(readFileSync(join(goldenFolder, 'data', `${name}.pcap`))).records;
  assert.ok(first, name);
  return first.bytes;
});
const edits = fc.array(fc.tuple(fc.nat(100), fc.nat(0xff)), { maxLength: 6 });

test('any bytes are dissected', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), holdsTogether), { numRuns: 2000 });
});

test('any bytes behind a type that promises a header are dissected', () => {
  const types = fc.array(fc.constantFrom(0x8100, 0x88a8, 0x8847, 0x0800, 0x86dd), { minLength: 1, maxLength: 5 });
  const property = fc.property(types, fc.uint8Array({ maxLength: 80 }), (chain, rest) => {
    const head = chain.flatMap((type) => [type >>> 8, type & 0xff, 0, 1]).slice(0, -2);
    holdsTogether(Uint8Array.from([...new Array(12).fill(2), ...head, ...rest]));
  });
  fc.assert(property, { numRuns: 2000 });
});

test('recorded frames with bytes changed and the end cut off are dissected', () => {
  const property = fc.property(fc.constantFrom(...seeds), edits, fc.nat(200), (seed, changes, length) => {
    const frame = seed.slice(0, length);
    for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
    holdsTogether(frame);
  });
  fc.assert(property, { numRuns: 3000 });
});

test('every recorded frame holds together at every length', () => {
  for (const file of readdirSync(join(goldenFolder, 'data')).filter((name) => name.endsWith('.pcap'))) {
    const [first] = readPcap(readFileSync(join(goldenFolder, 'data', file))).records;
    for (let length = 0; first && length <= Math.min(first.bytes.length, 130); length++) {
      holdsTogether(first.bytes.subarray(0, length));
    }
  }
});

test('any file is read as pcap or refused with a RangeError', () => {
  const readOrRefuse = (file: Uint8Array): void => {
    try {
      const { records } = readPcap(file);
      for (const { bytes, nsec } of records) assert.ok(bytes.length <= file.length && Number.isFinite(nsec));
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
      assert.match(error.message, /pcap/);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), readOrRefuse), { numRuns: 1000 });
  const behindHeader = fc.property(fc.uint8Array({ maxLength: 200 }), edits, (rest, changes) => {
    const file = Uint8Array.from([...pcapFileHeader(), ...rest]);
    for (const [at, value] of changes) if (at < file.length) file[at] = value;
    readOrRefuse(file);
  });
  fc.assert(behindHeader, { numRuns: 1000 });
});

test('a hexdump gives every byte back', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    const lines = bytes.length === 0 ? [] : hexdump(bytes).split('\n');
    const digits = lines.map((line) => line.slice(line.indexOf('  '), line.indexOf('|')).replaceAll(' ', ''));
    assert.equal(digits.join(''), Buffer.from(bytes).toString('hex'));
  });
  fc.assert(property);
});
