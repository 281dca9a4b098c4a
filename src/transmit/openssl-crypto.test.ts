import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { association, fromHex, toHex } from '../../tests/support/ipsec.ts';
import { newEspProtect } from '../ipsec/esp-protect.ts';
import { newEspTransform } from '../ipsec/esp-transform.ts';
import { opensslCrypto } from './openssl-crypto.ts';

const text = (characters: string): Uint8Array => new TextEncoder().encode(characters);
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer);

const codes: readonly [string, string, Uint8Array, string, string][] = [
  ['RFC 2202, MD5 1', 'md5', fromHex('0b'.repeat(16)), 'Hi There', '9294727a3638bb1c13f48ef8158bfc9d'],
  ['RFC 2202, SHA-1 2', 'sha1', text('Jefe'), 'what do ya want for nothing?', 'effcdf6ae5eb2fa2d27416d5'],
  ['RFC 4868, AUTH256-1', 'sha256', fromHex('0b'.repeat(32)), 'Hi There', '198a607eb44bfbc69903a0f1cf2bbdc5'],
  [
    'RFC 4868, AUTH256-2',
    'sha256',
    text('Jefe'.repeat(8)),
    'what do ya want for nothing?',
    '167f928588c5cc2eef8e3093caa0e87c',
  ],
  [
    'RFC 4868, AUTH384-1',
    'sha384',
    fromHex('0b'.repeat(48)),
    'Hi There',
    'b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973',
  ],
  [
    'RFC 4868, AUTH512-1',
    'sha512',
    fromHex('0b'.repeat(64)),
    'Hi There',
    '637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8',
  ],
  [
    'RFC 4231, 6: a key longer than a block',
    'sha256',
    fromHex('aa'.repeat(131)),
    'Test Using Larger Than Block-Size Key - Hash Key First',
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
];
for (const [name, digest, key, data, wanted] of codes) {
  test(`${name}: ${digest}`, () => {
    const bytes = new Uint8Array(120);
    bytes.set(text(data), 3);
    const mac = opensslCrypto.mac(digest, key, wanted.length / 2);
    mac(bytes, 3, 3 + data.length, 60);
    assert.equal(toHex(bytes.subarray(60, 60 + wanted.length / 2)), wanted);
    assert.equal(bytes[60 + wanted.length / 2], 0);
  });
}

test('HMAC of any key and data is that of Node', () => {
  const digests = fc.constantFrom('md5', 'sha1', 'sha256', 'sha384', 'sha512');
  const any = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(digests, any, fc.array(any, { maxLength: 3 }), (digest, key, texts) => {
      const length = createHmac(digest, key).digest().length;
      const mac = opensslCrypto.mac(digest, key, length);
      for (const data of texts) {
        // The code may lie over what was signed.
        const bytes = new Uint8Array(400);
        bytes.set(data);
        mac(bytes, 0, data.length, data.length >>> 1);
        const at = data.length >>> 1;
        assert.equal(toHex(bytes.subarray(at, at + length)), createHmac(digest, key).update(data).digest('hex'));
      }
    }),
  );
});

test('memory that is shared with other threads is sealed as well', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(64));
  const own = new Uint8Array(64);
  for (const bytes of [shared, own]) {
    opensslCrypto.cipher('aes-128-cbc', new Uint8Array(16))(bytes, 0, 16, new Uint8Array(16));
    opensslCrypto.cipher('aes-128-ctr', new Uint8Array(16))(bytes, 16, 29, new Uint8Array(16));
    opensslCrypto.aead('aes-128-gcm', new Uint8Array(16), 16)(bytes, 29, 32, new Uint8Array(12), new Uint8Array(8));
    opensslCrypto.mac('sha1', new Uint8Array(20), 12)(bytes, 0, 48, 48);
  }
  assert.equal(toHex(shared), toHex(own));
});

const counting = (length: number): string => toHex(Uint8Array.from({ length }, (_, i) => i));

test('RFC 3602, case 5: a ping in transport mode, twice', () => {
  const encrypt = opensslCrypto.cipher('aes-128-cbc', fromHex('90d382b410eeba7ad938c46cec1a82bf'));
  const iv = fromHex('e96e8c08ab465763fd098d45dd3ff893');
  const payload = `08000ebda70a00008e9c083db95b0700${toHex(fromHex(counting(56)).subarray(8))}`;
  const padded = fromHex(`${payload}0102030405060708090a0b0c0d0e0e01`);
  const wanted = `f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52
    775b07d1db34ed9c538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6`;
  for (let n = 0; n < 2; n++) {
    const bytes = padded.slice();
    encrypt(bytes, 0, bytes.length, iv);
    assert.equal(toHex(bytes), wanted.replaceAll(/\s/g, ''));
  }
});

/** Key, nonce, IV, plaintext, ciphertext. */
const counterVectors: Record<string, [string, string, string, string, string]> = {
  'RFC 3686, 1': [
    'ae6852f8121067cc4bf7a5765577f39e',
    '00000030',
    '0000000000000000',
    '53696e676c6520626c6f636b206d7367',
    'e4095d4fb7a7b3792d6175a3261311b8',
  ],
  'RFC 3686, 2': [
    '7e24067817fae0d743d6ce1f32539163',
    '006cb6db',
    'c0543b59da48d90b',
    counting(32),
    '5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28',
  ],
  'RFC 3686, 3': [
    '7691be035e5020a8ac6e618529f9a0dc',
    '00e0017b',
    '27777f3f4a1786f0',
    counting(36),
    'c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f',
  ],
  'RFC 3686, 7': [
    '776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104',
    '00000060',
    'db5672c97aa8f0b2',
    '53696e676c6520626c6f636b206d7367',
    '145ad01dbf824ec7560863dc71e3e0c0',
  ],
};
for (const [name, [key, nonce, iv, plain, wanted]] of Object.entries(counterVectors)) {
  test(name, () => {
    const crypt = { name: 'rfc3686(ctr(aes))', key: fromHex(key + nonce) };
    const number = { high: 0, low: 0 };
    const salt = fromHex(iv + iv);
    const protect = newEspProtect({ association: association(4, { crypt }), crypto: opensslCrypto, number, salt });
    const bytes = fromHex(`00001000 00000000 ${'00'.repeat(8)} ${plain}`);
    protect({ bytes, view: viewOf(bytes) }, 0, bytes.length);
    assert.equal(toHex(bytes.subarray(8)), iv + wanted);
  });
}

/** A packet of the test cases for AES-GCM in ESP (draft-mcgrew-gcm-test-01), whose number has 64 bits. */
test('AES-GCM in ESP, a packet with a number of 64 bits', () => {
  const aead = { name: 'rfc4106(gcm(aes))', key: fromHex('4c80cdefbb5d10da906ac73c3613a634 2e443b68'), icvBits: 128 };
  const payload = fromHex(`45000048 699a0000 80114db7 c0a80102 c0a80101 0a9bf156 38d30100 00010000 00000000 045f7369
    70045f75 64700373 69700963 79626572 63697479 02646b00 00210001`);
  const number = { high: 0x8765_4321, low: 0 };
  // The IV of the case is the number with this over it.
  const salt = fromHex('ce33ae5f 3b244cfe 00000000 00000000');
  const sa = association(4, { aead, spi: 0x4321, flags: ['esn'] });
  const transform = newEspTransform({ association: sa, crypto: opensslCrypto, number, salt });
  const end = 16 + payload.length + transform.tailLen(payload.length);
  const bytes = new Uint8Array(end);
  bytes.set(payload, 16);
  const places = { ip: 0, start: 0, payload: 16, payloadEnd: 16 + payload.length, end };
  transform.write({ bytes, view: viewOf(bytes) }, places, 1);
  assert.equal(
    toHex(bytes),
    toHex(
      fromHex(`00004321 00000000 4956ed7e 3b244cfe
        fecf537e 729d5b07 dc30df52 8dd22b76 8d1b9873 6696a6fd 348509fa 13ceac34 cfa2436f 14a3f3cf 65925bf1 f4a13c5d
        15b21e18 84f5ff62 47aeabb7 86b93bce 61bc17d7 68fd9732 45901814 8f6cbe72 2fd04796 562dfdb4`),
    ),
  );
});
