import assert from 'node:assert/strict';
import { test } from 'node:test';
import { association } from '../../tests/support/ipsec.ts';
import { headerLen, mostGrowth, type SecurityAssociation, unusable } from './security-association.ts';

type Parts = Partial<SecurityAssociation>;
const key = (length: number): Uint8Array => new Uint8Array(length);
const sha1 = { name: 'hmac(sha1)', key: key(20), truncBits: 96 };
const sha256 = { name: 'hmac(sha256)', key: key(32), truncBits: 128 };
const none = { name: 'ecb(cipher_null)', key: key(0) };
const aes = { name: 'cbc(aes)', key: key(16) };
const gcm = { name: 'rfc4106(gcm(aes))', key: key(20), icvBits: 128 };
const encap = { type: 'espinudp', srcPort: 4500, dstPort: 4500 } as const;

/** Family, parts, the kernel's props.header_len, and the most that is added besides. */
const lengths: readonly [string, 4 | 6, Parts, number, number][] = [
  ['null', 4, { crypt: none, auth: sha1 }, 8, 3 + 2 + 12],
  ['CBC', 4, { crypt: aes, auth: sha1 }, 24, 15 + 2 + 12],
  ['CBC of 3DES, alone', 4, { crypt: { name: 'cbc(des3_ede)', key: key(24) } }, 16, 7 + 2],
  ['CTR', 4, { crypt: { name: 'rfc3686(ctr(aes))', key: key(20) }, auth: sha256 }, 16, 3 + 2 + 16],
  ['GCM', 6, { aead: gcm }, 16, 3 + 2 + 16],
  ['no digest', 4, { crypt: none, auth: { name: 'digest_null', key: key(0), truncBits: 0 } }, 8, 3 + 2],
  ['GCM in a tunnel', 4, { aead: gcm, mode: 'tunnel' }, 36, 21],
  ['GCM in a tunnel of IPv6', 6, { aead: gcm, mode: 'tunnel' }, 56, 21],
  ['GCM in UDP in a tunnel', 4, { aead: gcm, mode: 'tunnel', encap }, 44, 21],
  ['AH', 4, { proto: 'ah', auth: sha1 }, 24, 0],
  ['AH of 128 bits', 4, { proto: 'ah', auth: sha256 }, 32, 0],
  ['AH aligned to 4', 4, { proto: 'ah', auth: sha256, flags: ['align4', 'esn'] }, 28, 4],
  ['AH aligned to 4, in IPv6', 6, { proto: 'ah', auth: sha256, flags: ['align4'] }, 32, 0],
  ['AH in a tunnel of IPv6', 6, { proto: 'ah', auth: sha1, mode: 'tunnel' }, 64, 0],
];
for (const [name, family, parts, header, growth] of lengths) {
  test(`${name}: ${header} bytes before a payload, ${growth} behind it`, () => {
    const one = association(family, parts);
    assert.deepEqual([unusable(one), headerLen(one), mostGrowth(one)], [undefined, header, growth]);
  });
}

const reasons: readonly [Parts, RegExp][] = [
  [{ mode: 'beet' }, /^mode beet is not possible, but transport and tunnel are$/],
  [{ proto: 'comp' }, /^protocol comp is not possible, but esp and ah are$/],
  [{ aead: gcm, encap: { ...encap, type: 'espintcp' } }, /^encapsulation espintcp is not possible, but espinudp is$/],
  [{ proto: 'ah', auth: sha1, encap }, /^AH inside of UDP/],
  [{ proto: 'ah' }, /^AH needs an auth algorithm$/],
  [{ proto: 'ah', auth: sha1, crypt: none }, /^AH does not encrypt/],
  [{ auth: sha1 }, /^ESP needs an enc or aead algorithm: enc "ecb\(cipher_null\)" "" encrypts nothing$/],
  [{ aead: gcm, auth: sha1 }, /^an aead algorithm takes no enc or auth beside it$/],
  [{ crypt: { name: 'cbc(twofish)', key: key(16) } }, /^enc cbc\(twofish\) is not possible, but ecb\(cipher_null\), /],
  [{ crypt: { name: 'constructor', key: key(16) } }, /^enc constructor is not possible/],
  [{ crypt: { name: 'cbc(aes)', key: key(17) } }, /^enc cbc\(aes\) takes no key of 136 bits, but of 128, 192 or 256$/],
  [{ crypt: { name: 'ecb(cipher_null)', key: key(1) } }, /takes no key of 8 bits, but of 0$/],
  [{ aead: { ...gcm, name: 'ccm(aes)' } }, /^aead ccm\(aes\) is not possible, but rfc4106\(gcm\(aes\)\)$/],
  [{ aead: { ...gcm, icvBits: 80 } }, /has no ICV of 80 bits, but of 64, 96 or 128$/],
  [{ aead: { ...gcm, key: key(16) } }, /takes no key of 128 bits, but of 160, 224 or 288$/],
  [{ crypt: none, auth: { ...sha1, name: 'hmac(x)' } }, /^auth hmac\(x\) is not possible, but digest_null, /],
  [{ crypt: none, auth: { ...sha1, truncBits: 168 } }, /cannot be truncated to 168 bits, but to 8, 16 … 160$/],
  [{ crypt: none, auth: { ...sha1, truncBits: 20 } }, /cannot be truncated to 20 bits/],
  [{ crypt: none, auth: { ...sha1, truncBits: 24 }, flags: ['esn'] }, /to 24 bits, but to 32, 40 … 160$/],
];
for (const [parts, reason] of reasons) {
  test(`not usable: ${reason.source}`, () => {
    assert.match(unusable(association(4, parts)) ?? 'usable', reason);
  });
}

test('names that the kernel takes for the same', () => {
  const one = association(4, { crypt: { ...aes, name: 'aes' }, auth: { ...sha1, name: 'sha1' } });
  assert.deepEqual([unusable(one), headerLen(one)], [undefined, 24]);
});
