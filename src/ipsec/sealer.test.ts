import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DataCase, readCase, recordedFrames } from '../../tests/support/golden.ts';
import { association, fromHex, type PlainPacket, plainFrame, toHex, unseal } from '../../tests/support/ipsec.ts';
import { opensslCrypto } from '../transmit/openssl-crypto.ts';
import { AEADS, AUTHS, CIPHERS } from './algorithm.ts';
import { parseAssociations } from './association-text.ts';
import { findAssociation } from './find-association.ts';
import { newSealer, type Sealer } from './sealer.ts';
import { headerLen, mostGrowth, type SecurityAssociation } from './security-association.ts';

const keyOf = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (from + 7 * i) & 0xff);
const SALT = keyOf(16, 0xa5);
const sealerOf = (sa: SecurityAssociation, sequence = false): Sealer =>
  newSealer(sa, opensslCrypto, { sequence, salt: SALT });

/** Seals a packet somewhere inside of larger memory, of which nothing else may change. */
function sealed(sealer: Sealer, sa: SecurityAssociation, packet: PlainPacket) {
  const { frame, l3 } = plainFrame(packet);
  const at = 5;
  const room = headerLen(sa) + mostGrowth(sa);
  const bytes = new Uint8Array(at + frame.length + room + 9).fill(0xee);
  bytes.set(frame, at);
  const length = sealer.seal(bytes, at, frame.length, l3);
  assert.ok(length <= frame.length + room, `${length} bytes of ${frame.length} + ${room}`);
  assert.ok(bytes.subarray(0, at).every((byte) => byte === 0xee));
  assert.ok(bytes.subarray(at + frame.length + room).every((byte) => byte === 0xee));
  return { plain: frame, l3, bytes: bytes.slice(at, at + length) };
}

for (const [name, spi] of [
  ['ipsec-null', 0],
  ['ipsec-null-spi', 4096],
  ['ipsec-aes', 0],
  ['ipsec-ah-spi', 4096],
] as const) {
  test(`golden/data/${name}: the kernel's frames, byte for byte`, () => {
    const golden = readCase<DataCase>('data', name);
    const { associations, faults } = parseAssociations(golden.pre.join('\n'));
    assert.deepEqual(faults, []);
    const sa = findAssociation(associations, association(4, {}), spi);
    assert.ok(sa);
    const sealer = sealerOf(sa);
    const frames = recordedFrames(golden);
    assert.equal(frames.length, golden.captured);
    frames.forEach((frame, i) => {
      const payloadLen = 200 - 14 - 20 - 8 - headerLen(sa);
      assert.equal(toHex(sealed(sealer, sa, { family: 4, seq: i + 1, payloadLen }).bytes), toHex(frame));
    });
  });
}

/** Every algorithm with every length of its key, in words that a failure shows. */
const algorithms: Record<string, Partial<SecurityAssociation>> = {};
for (const [name, { fullBits, truncBits }] of Object.entries(AUTHS)) {
  for (const bits of new Set([truncBits, fullBits, fullBits / 2])) {
    const auth = { name, key: keyOf(bits === truncBits ? 20 : 150, 3), truncBits: bits };
    algorithms[`ah ${name} ${bits}`] = { proto: 'ah', auth };
    algorithms[`esp null ${name} ${bits}`] = { auth, crypt: { name: 'ecb(cipher_null)', key: new Uint8Array(0) } };
  }
}
for (const [name, { openssl }] of Object.entries(CIPHERS)) {
  for (const length of Object.keys(openssl).map(Number)) {
    const crypt = { name, key: keyOf(length) };
    algorithms[`esp ${name} ${length} alone`] = { crypt };
    algorithms[`esp ${name} ${length}`] = { crypt, auth: { name: 'hmac(sha256)', key: keyOf(32), truncBits: 128 } };
  }
}
for (const [name, { openssl, icvBits }] of Object.entries(AEADS)) {
  for (const length of Object.keys(openssl).map(Number)) {
    for (const bits of icvBits)
      algorithms[`esp ${name} ${length} ${bits}`] = { aead: { name, key: keyOf(length), icvBits: bits } };
  }
}

const encap = { type: 'espinudp', srcPort: 4500, dstPort: 4501 } as const;
const cases = fc.record({
  algorithm: fc.constantFrom(...Object.keys(algorithms)),
  family: fc.constantFrom(4 as const, 6 as const),
  outer: fc.constantFrom(4 as const, 6 as const),
  mode: fc.constantFrom('transport' as const, 'tunnel' as const),
  inUdp: fc.boolean(),
  flags: fc.subarray(['esn', 'align4'] as const),
  sequence: fc.boolean(),
  oseq: fc.constantFrom(0, 41, 2 ** 32 - 2, 2 ** 32 + 7, 2 ** 45 + 3),
  payloadLen: fc.integer({ min: 16, max: 1500 }),
  tags: fc.constantFrom('', '81000005', '88a8000581000006'),
});

test('what a receiver opens is what was sealed: any algorithm, mode, family, length', () => {
  const property = fc.property(cases, ({ algorithm, family, outer, mode, inUdp, flags, sequence, oseq, ...packet }) => {
    const row = algorithms[algorithm] ?? {};
    // The high half needs 32 bits of room, as in the kernel.
    const esn = flags.includes('esn') && (row.auth?.truncBits ?? 32) >= 32;
    const sa = association(mode === 'tunnel' ? outer : family, {
      ...row,
      mode,
      flags: flags.filter((flag) => flag !== 'esn' || esn),
      oseq: esn ? oseq : oseq % 2 ** 32,
      ...(inUdp && row.proto !== 'ah' && { encap }),
    });
    const sealer = sealerOf(sa, sequence);
    const ivs: string[] = [];
    for (let n = 1; n <= 3; n++) {
      const number = sequence ? sa.oseq + n : 0;
      const { plain, l3, bytes } = sealed(sealer, sa, { family, seq: n, ...packet });
      const opened = unseal(bytes, l3, sa, Math.floor(number / 2 ** 32));
      assert.equal(toHex(opened.frame), toHex(plain));
      assert.deepEqual([opened.spi, opened.seq], [0x1000, number >>> 0]);
      ivs.push(toHex(opened.iv));
    }
    // With one sequence number one IV, as the kernel's pktgen has it.
    if (ivs[0] !== '') assert.equal(new Set(ivs).size, sequence ? 3 : 1);
  });
  fc.assert(property, { numRuns: 2000 });
});

test('the IV of CBC is the block of zeros encrypted, whatever the salt', () => {
  const crypt = { name: 'cbc(aes)', key: keyOf(16) };
  const sa = association(4, { crypt });
  const packet: PlainPacket = { family: 4, seq: 1, payloadLen: 40 };
  const one = sealed(sealerOf(sa), sa, packet).bytes;
  const other = sealed(newSealer(sa, opensslCrypto, { sequence: false, salt: keyOf(16, 1) }), sa, packet).bytes;
  assert.equal(toHex(one), toHex(other));
});

test('the first block of CBC is an odd random number times the sequence number, in each half', () => {
  const sa = association(4, { crypt: { name: 'cbc(aes)', key: keyOf(16) }, flags: ['esn'], oseq: 2 ** 40 + 12344 });
  const seq = BigInt(sa.oseq + 1);
  const words = new BigUint64Array(SALT.slice().buffer).map((factor) => (factor | 1n) * seq);
  const iv = new Uint8Array(16);
  opensslCrypto.cipher('aes-128-cbc', keyOf(16))(iv, 0, 16, new Uint8Array(words.buffer));
  const { bytes, l3 } = sealed(sealerOf(sa, true), sa, { family: 4, seq: 1, payloadLen: 40 });
  assert.equal(toHex(bytes.subarray(l3 + 28, l3 + 44)), toHex(iv));
});

/** Flags, tos or class and fragment of the inner packet; the outer header, but for its addresses. */
const outerHeaders: readonly [4 | 6, Partial<PlainPacket>, SecurityAssociation['flags'], string][] = [
  [4, {}, [], '4500 006c 0000 0000 05 32'],
  [4, { trafficClass: 0xb9, fragment: 0x4000 }, [], '45b9 006c 0000 4000 05 32'],
  [4, { trafficClass: 0xbb }, [], '45ba 006c 0000 0000 05 32'],
  [4, { trafficClass: 0xba }, ['noecn'], '45b8 006c 0000 0000 05 32'],
  [4, { trafficClass: 0xb9 }, ['dont-encap-dscp'], '4501 006c 0000 0000 05 32'],
  [4, { trafficClass: 0xb9 }, ['dont-encap-dscp', 'noecn'], '4500 006c 0000 0000 05 32'],
  [4, { fragment: 0x4000 }, ['nopmtudisc'], '4500 006c 0000 0000 05 32'],
  [4, { family: 6, trafficClass: 0xb9 }, [], '45b9 0080 0000 4000 05 32'],
  [6, { family: 6, trafficClass: 0xb9 }, [], '6b900000 006c 32 05'],
  [6, { trafficClass: 0xb9 }, [], '6b900000 0058 32 05'],
];
for (const [family, packet, flags, wanted] of outerHeaders) {
  test(`the outer header ${wanted}`, () => {
    const auth = { name: 'hmac(sha1)', key: keyOf(20), truncBits: 96 };
    const crypt = { name: 'ecb(cipher_null)', key: new Uint8Array(0) };
    const sa = association(family, { mode: 'tunnel', crypt, auth, flags });
    const { bytes, l3 } = sealed(sealerOf(sa), sa, { family: 4, seq: 7, payloadLen: 38, ...packet });
    const header = fromHex(wanted);
    assert.equal(toHex(bytes.subarray(l3, l3 + header.length)), toHex(header));
    const { outer } = unseal(bytes, l3, sa);
    const addresses = outer.subarray(family === 4 ? 12 : 8);
    assert.equal(toHex(addresses), toHex(sa.src) + toHex(sa.dst));
  });
}

test('outer packets have ids of their own, which count', () => {
  const sa = association(4, { mode: 'tunnel', crypt: { name: 'cbc(aes)', key: keyOf(16) } });
  const sealer = sealerOf(sa);
  const ids = [9, 9, 9].map((seq) => {
    const { bytes, l3 } = sealed(sealer, sa, { family: 4, seq, payloadLen: 20 });
    return new DataView(bytes.buffer).getUint16(l3 + 4);
  });
  assert.deepEqual(ids, [0, 1, 2]);
});

test('labels before a packet stay as they are', () => {
  const sa = association(6, { mode: 'tunnel', crypt: { name: 'ecb(cipher_null)', key: new Uint8Array(0) } });
  const { frame } = plainFrame({ family: 4, seq: 1, payloadLen: 20 });
  const bytes = new Uint8Array(200);
  bytes.set(frame.subarray(0, 14));
  bytes.set(fromHex('8847 00010120'), 12);
  bytes.set(frame.subarray(14), 18);
  const length = sealerOf(sa).seal(bytes, 0, frame.length + 4, 18);
  assert.equal(toHex(bytes.subarray(12, 19)), '88470001012060');
  assert.equal(length, frame.length + 4 + 40 + 8 + 2 + ((4 - ((frame.length - 14 + 2) % 4)) % 4));
});

test('a sealer is not made of what is not usable, and says when there is no room', () => {
  assert.throws(() => sealerOf(association(4, {})), /RangeError: ESP needs an enc or aead algorithm/);
  const sa = association(4, { crypt: { name: 'cbc(aes)', key: keyOf(16) } });
  const { frame, l3 } = plainFrame({ family: 4, seq: 1, payloadLen: 40 });
  assert.throws(() => sealerOf(sa).seal(frame, 0, frame.length, l3), /no room for a sealed frame of \d+ bytes/);
});
