import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { goldenFolder } from '../../tests/support/golden.ts';
import {
  PCAP_FILE_HEADER_LEN,
  PCAP_RECORD_HEADER_LEN,
  type PcapRecord,
  pcapFileHeader,
  pcapRecordHeader,
  readPcap,
} from './pcap.ts';

function fileOf(records: readonly PcapRecord[]): Uint8Array {
  const parts = [pcapFileHeader()];
  for (const { sec, nsec, originalLen, bytes } of records) {
    const header = new Uint8Array(PCAP_RECORD_HEADER_LEN);
    pcapRecordHeader(new DataView(header.buffer), 0, sec, nsec, bytes.length, originalLen);
    parts.push(header, bytes);
  }
  return Uint8Array.from(Buffer.concat(parts));
}

const record: PcapRecord = { sec: 1_700_000_000, nsec: 123_456_789, originalLen: 60, bytes: Uint8Array.of(1, 2, 3) };
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('the file header is that of a nanosecond capture of Ethernet', () => {
  assert.deepEqual(pcapFileHeader(65_535), hex('4d3cb2a1 0200 0400 00000000 00000000 ffff0000 01000000'));
  assert.equal(pcapFileHeader().length, PCAP_FILE_HEADER_LEN);
});

test('what is written is read', () => {
  assert.deepEqual(readPcap(fileOf([record])), { linkType: 1, records: [record], truncated: false });
  assert.deepEqual(readPcap(pcapFileHeader()), { linkType: 1, records: [], truncated: false });
});

const layouts = {
  'nanoseconds, little-endian': [
    '4d3cb2a1 0200 0400 00000000 00000000 ffff0000 71000000',
    '01000000 02000000 02000000 03000000 aabb',
    2,
  ],
  'nanoseconds, big-endian': [
    'a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000071',
    '00000001 00000002 00000002 00000003 aabb',
    2,
  ],
  'microseconds, little-endian': [
    'd4c3b2a1 0200 0400 00000000 00000000 ffff0000 71000000',
    '01000000 02000000 02000000 03000000 aabb',
    2000,
  ],
  'microseconds, big-endian': [
    'a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000071',
    '00000001 00000002 00000002 00000003 aabb',
    2000,
  ],
} as const;
for (const [what, [header, packet, nsec]] of Object.entries(layouts)) {
  test(`a file with ${what}`, () => {
    const found = { sec: 1, nsec, originalLen: 3, bytes: Uint8Array.of(0xaa, 0xbb) };
    assert.deepEqual(readPcap(hex(header + packet + packet)), {
      linkType: 113,
      records: [found, found],
      truncated: false,
    });
  });
}

test('the length of the FCS beside the link type is no part of it', () => {
  const file = pcapFileHeader();
  file[23] = 0x54;
  assert.equal(readPcap(file).linkType, 1);
});

test('a last record that is cut is left out, and said, wherever the cut is', () => {
  const whole = fileOf([record, record]);
  const oneLen = fileOf([record]).length;
  for (let length = PCAP_FILE_HEADER_LEN; length < whole.length; length++) {
    const { records, truncated } = readPcap(whole.subarray(0, length));
    assert.equal(records.length, length < oneLen ? 0 : 1, `${length} bytes`);
    assert.equal(truncated, length !== oneLen && length !== PCAP_FILE_HEADER_LEN, `${length} bytes`);
  }
});

const garbage: Record<string, [Uint8Array, RegExp]> = {
  'an empty file': [new Uint8Array(0), /not a pcap file: 0 bytes/],
  'a short header': [pcapFileHeader().subarray(0, 23), /23 bytes, its header alone has 24/],
  text: [Uint8Array.from(Buffer.from('#!/bin/sh\necho hello world\n')), /begins with 0x23212f62/],
  pcapng: [hex(`0a0d0d0a ${'00'.repeat(24)}`), /pcapng.*editcap/],
  'a record longer than any': [
    hex(`${Buffer.from(pcapFileHeader()).toString('hex')}${'00'.repeat(8)}ffffffff00000000`),
    /record 1 claims 4294967295 bytes/,
  ],
};
for (const [what, [file, message]] of Object.entries(garbage)) {
  test(`${what} is refused with a RangeError that says why`, () => {
    assert.throws(() => readPcap(file), { name: 'RangeError', message });
  });
}

/** Plain objects: without this some have no prototype, which deepEqual sees. */
const recordOf = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { noNullPrototype: true });

test('round trip of any records', () => {
  const any = recordOf({
    sec: fc.nat(0xffff_ffff),
    nsec: fc.nat(999_999_999),
    originalLen: fc.nat(0xffff_ffff),
    bytes: fc.uint8Array({ maxLength: 100 }),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 20 }), (records) => {
      assert.deepEqual(readPcap(fileOf(records)), { linkType: 1, records, truncated: false });
    }),
  );
});

for (const folder of ['data', 'clone']) {
  test(`every capture of golden/${folder} is read to its last byte`, () => {
    const names = readdirSync(join(goldenFolder, folder)).filter((name) => name.endsWith('.pcap'));
    assert.ok(names.length > 5);
    for (const name of names) {
      const file = readFileSync(join(goldenFolder, folder, name));
      const { linkType, records, truncated } = readPcap(file);
      assert.deepEqual([linkType, truncated], [1, false], name);
      const bytes = records.reduce((sum, packet) => sum + PCAP_RECORD_HEADER_LEN + packet.bytes.length, 0);
      assert.equal(bytes + PCAP_FILE_HEADER_LEN, file.length, name);
      for (const packet of records) assert.ok(packet.nsec < 1e9 && packet.originalLen >= packet.bytes.length, name);
    }
  });
}
