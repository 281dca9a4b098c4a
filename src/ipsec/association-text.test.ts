import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { goldenFolder } from '../../tests/support/golden.ts';
import { association, fromHex } from '../../tests/support/ipsec.ts';
import { parseAssociations } from './association-text.ts';
import type { SecurityAssociation } from './security-association.ts';

/** What a text without faults says. */
function read(text: string): readonly SecurityAssociation[] {
  const { associations, faults } = parseAssociations(text);
  assert.deepEqual(faults, []);
  return associations;
}
const sha1 = { name: 'hmac(sha1)', key: fromHex('000102030405060708090a0b0c0d0e0f10111213'), truncBits: 96 };
const aes = { name: 'cbc(aes)', key: fromHex('000102030405060708090a0b0c0d0e0f') };
const none = { name: 'ecb(cipher_null)', key: new Uint8Array(0) };
const ADDRESSES = 'src 10.9.0.1 dst 10.9.0.2';
const AES = 'enc "cbc(aes)" 0x000102030405060708090a0b0c0d0e0f';

const golden: Record<string, Partial<SecurityAssociation>> = {
  'ipsec-null': { auth: sha1, crypt: none },
  'ipsec-aes': { auth: sha1, crypt: aes },
  'ipsec-ah-spi': { proto: 'ah', auth: sha1 },
};
for (const [name, parts] of Object.entries(golden)) {
  test(`golden/data/${name}: what was added, and what the kernel lists of it`, () => {
    const { pre, post_output: post } = JSON.parse(readFileSync(join(goldenFolder, 'data', `${name}.json`), 'utf8'));
    const wanted = [association(4, parts)];
    assert.deepEqual(read(pre.join('\n')), wanted);
    const listed = post.find(([command]: [string]) => command === 'ip -s xfrm state')[1];
    assert.deepEqual(read(listed), wanted);
    assert.deepEqual(read(listed + listed), [...wanted, ...wanted]);
  });
}

test('every listing of the recordings can be read', () => {
  const files = readdirSync(join(goldenFolder, 'data')).filter((file) => /^ipsec-.*json$/.test(file));
  for (const file of files) {
    const { pre } = JSON.parse(readFileSync(join(goldenFolder, 'data', file), 'utf8'));
    assert.equal(read(pre.join('\n')).length, pre.length, file);
  }
});

/** Lines of a file, and what each association has beside its addresses. */
const written: readonly [string, ...Partial<SecurityAssociation>[]][] = [
  [`${ADDRESSES} proto esp spi 0x1000 ${AES}`, { crypt: aes }],
  [`ip xfrm state add ${ADDRESSES} proto esp spi 4096 mode transport ${AES}`, { crypt: aes }],
  [`ip -s xfrm state update ${ADDRESSES} proto esp spi 010000 ${AES}`, { crypt: aes }],
  [`  ip x s add ${ADDRESSES} \\\n  proto esp spi 0x1000 \\\n\t${AES} # why\n`, { crypt: aes }],
  [
    `# two\r\n\r\n${ADDRESSES} proto esp ${AES}\r\n\r\n${ADDRESSES} proto ah spi 1`,
    { crypt: aes, spi: 0 },
    { proto: 'ah', spi: 1 },
  ],
  [
    `${ADDRESSES} proto esp spi 0x1000 enc cbc\\(aes\\) '#key of 16 char'`,
    { crypt: { name: 'cbc(aes)', key: new TextEncoder().encode('#key of 16 char') } },
  ],
  [`${ADDRESSES} proto esp spi 0x1000 enc cipher_null ""`, { crypt: { ...none, name: 'cipher_null' } }],
  [`${ADDRESSES} proto esp spi 0x1000 enc cipher_null 0x123`, { crypt: { name: 'cipher_null', key: fromHex('0123') } }],
  [
    `${ADDRESSES} proto esp spi 0x1000 mode tunnel reqid 7 aead 'rfc4106(gcm(aes))' 0x00112233 64`,
    { mode: 'tunnel', reqid: 7, aead: { name: 'rfc4106(gcm(aes))', key: fromHex('00112233'), icvBits: 64 } },
  ],
  [
    `${ADDRESSES} proto ah spi 0x1000 auth-trunc "hmac(sha256)" 0x01 128`,
    { proto: 'ah', auth: { name: 'hmac(sha256)', key: fromHex('01'), truncBits: 128 } },
  ],
  [
    `${ADDRESSES} proto ah spi 0x1000 auth sha512 0x01`,
    { proto: 'ah', auth: { name: 'sha512', key: fromHex('01'), truncBits: 256 } },
  ],
  [
    `${ADDRESSES} proto esp spi 0x1000 mark 0x10 mask 0xff if_id 0x2a output-mark 5 mask 6 ${AES}`,
    { mark: { value: 16, mask: 255 }, ifId: 42, crypt: aes },
  ],
  [`${ADDRESSES} proto esp spi 0x1000 mark 16 ${AES}`, { mark: { value: 16, mask: 0xffff_ffff }, crypt: aes }],
  [
    `${ADDRESSES} proto esp spi 0x1000 flag esn noecn replay-window 32 extra-flag dont-encap-dscp replay-oseq-hi 0x1 replay-oseq 2 replay-seq 4 ${AES}`,
    { flags: ['esn', 'noecn', 'dont-encap-dscp'], oseq: 2 ** 32 + 2, crypt: aes },
  ],
  [
    `${ADDRESSES} proto esp spi 0x1000 encap espinudp 4500 4501 0.0.0.0 ${AES}`,
    { encap: { type: 'espinudp', srcPort: 4500, dstPort: 4501 }, crypt: aes },
  ],
  [
    `${ADDRESSES} proto esp spi 0x1000 ${AES} limit byte-soft 5 limit time-hard 3 offload crypto dev eth0 dir out sel src 0.0.0.0/0 dst 10.0.0.0/8 proto udp dport 9`,
    { crypt: aes },
  ],
  [
    'src 0.0.0.0 dst 10.9.0.2 proto esp spi 0x1000 enc cipher_null ""',
    { src: new Uint8Array(4), crypt: { ...none, name: 'cipher_null' } },
  ],
  ['dst 10.9.0.2 proto esp spi 0x1000', { src: new Uint8Array(4) }],
  [
    `src 10.9.0.1 dst 10.9.0.2
\tproto esp spi 0x00001000 reqid 1 mode tunnel
\treplay-window 0 flag nopmtudisc af-unspec esn
\tmark 0x10/0xff
\tauth-trunc hmac(sha1) 0x000102030405060708090a0b0c0d0e0f10111213 96
\tenc cbc(aes) 0x000102030405060708090a0b0c0d0e0f
\tencap type espinudp sport 4500 dport 4501 addr 0.0.0.0
\tlastused 2026-11-22 18:49:38
\tanti-replay esn context:
\t seq-hi 0x0, seq 0x0, oseq-hi 0x2, oseq 0x00000005
\t replay_window 128, bitmap-length 4
\t 00000000 00000000 00000000 00000001 
\tcrypto offload parameters: dev eth0 dir out mode crypto
\tif_id 0x2a
\tsel src 0.0.0.0/0 dst 0.0.0.0/0 
\tdir out`,
    {
      ...{ reqid: 1, mode: 'tunnel', flags: ['nopmtudisc', 'af-unspec', 'esn'], mark: { value: 16, mask: 255 } },
      ...{ auth: sha1, crypt: aes, encap: { type: 'espinudp', srcPort: 4500, dstPort: 4501 } },
      ...{ oseq: 2 * 2 ** 32 + 5, ifId: 42 },
    },
  ],
];
for (const [text, ...parts] of written) {
  test(`reads ${JSON.stringify(text).slice(0, 110)}`, () => {
    const wanted = parts.map((part) => association(4, part));
    assert.deepEqual(read(text), wanted);
  });
}

test('addresses of IPv6', () => {
  const [one] = read('src fd00::1 dst fd00::2 proto esp spi 0x1000');
  assert.deepEqual(one, association(6, {}));
  const [open] = read('src :: dst fd00::2 proto esp spi 0x1000');
  assert.deepEqual(open?.src, new Uint8Array(16));
});

/** Text, line of the fault, message. */
const wrong: readonly [string, number, RegExp][] = [
  ['src 10.9.0.1', 1, /^dst is missing: an association begins with src ADDRESS dst ADDRESS$/],
  ['\nsrc 10.9.0.1 dst 10.9.0.2', 2, /^proto is missing: say proto esp or proto ah$/],
  ['src 10.9.0.1 dst fd00::1 proto esp', 1, /^src and dst are of different families$/],
  ['src 10.9.0.256 dst 10.9.0.2', 1, /^src: "10.9.0.256" is no IPv4 or IPv6 address$/],
  ['src host dst 10.9.0.2', 1, /^src: "host" is no/],
  ['src fd00::g dst fd00::1', 1, /^src: "fd00::g" is no/],
  ['src 10.9.0.1/32 dst fd00::1', 1, /^src: "10.9.0.1\/32" is no/],
  [`${ADDRESSES} proto tcp`, 1, /^proto: "tcp" is no protocol, but esp, ah, comp, route2, hao$/],
  [`${ADDRESSES} proto esp mode fast`, 1, /^mode: "fast" is no mode, but transport, tunnel, /],
  [`${ADDRESSES} proto esp spi 0x100000000`, 1, /^spi: "0x100000000" is no number from 0 to 4294967295$/],
  [`${ADDRESSES} proto esp spi x`, 1, /^spi: "x" is no number/],
  [`${ADDRESSES} proto esp spi`, 1, /^spi: the line ends where a value should be$/],
  [`${ADDRESSES} proto esp proto ah`, 1, /^proto: is there twice: say it once$/],
  [`${ADDRESSES} proto esp enc "cbc(aes)" 0x0g`, 1, /^enc: "0x0g" is no key: after 0x come hex digits only$/],
  [`${ADDRESSES} proto esp enc "cbc(aes) 0x00`, 1, /^a quote is missing$/],
  [`${ADDRESSES} proto esp\n\tenc cbc(aes) <<Keys hidden>>`, 2, /^enc: the keys are hidden: list them as root/],
  [`${ADDRESSES} proto esp flag fast`, 1, /^"fast" is no word of ip xfrm state that is known here: leave it out$/],
  [`${ADDRESSES} proto esp encap espinudp 70000 1 0.0.0.0`, 1, /^encap: "70000" is no number from 0 to 65535$/],
  [`${ADDRESSES} proto esp encap gre 1 1 0.0.0.0`, 1, /^encap: "gre" is no encapsulation, but espinudp, /],
  [`${ADDRESSES} proto esp \\\n tfcpad 100`, 1, /^"tfcpad" is no word/],
  ['ip addr add 10.0.0.1/24 dev eth0', 1, /^only the command "ip xfrm state add" can stand here$/],
  ['proto esp spi 1', 1, /^dst is missing/],
  [`${ADDRESSES} proto esp constructor 1`, 1, /^"constructor" is no word/],
];
for (const [text, line, message] of wrong) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    const { associations, faults } = parseAssociations(text);
    assert.deepEqual([associations.length, faults.length, faults[0]?.line], [0, 1, line]);
    assert.match(faults[0]?.message ?? '', message);
  });
}

test('a fault hides neither the others nor what is right', () => {
  const right = `${ADDRESSES} proto esp spi 0x1000`;
  const { associations, faults } = parseAssociations([right, 'src x', right, `${ADDRESSES} mode x`].join('\n'));
  assert.equal(associations.length, 2);
  assert.deepEqual(
    faults.map(({ line }) => line),
    [2, 4],
  );
});

test('any text gives associations and faults, and no throw', () => {
  const words = fc.constantFrom(
    ...[
      'src',
      'dst',
      '10.0.0.1',
      'fd00::1',
      'proto',
      'esp',
      'spi',
      '1',
      '0x',
      'enc',
      '"',
      "'",
      '#',
      '\\',
      '\n',
      '\n\t',
    ],
    ...['mark', '1/2', 'mask', 'sel', 'flag', 'esn', 'limit', 'lifetime config:', '(1 bits)', 'ip xfrm state add'],
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 40 }).map((parts) => parts.join(' ')),
  );
  fc.assert(
    fc.property(text, (any) => {
      const { faults } = parseAssociations(any);
      for (const { line } of faults) assert.ok(line >= 1 && line <= any.split('\n').length);
    }),
    { numRuns: 2000 },
  );
});
