import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, inAton } from './ipv4-address.ts';

/** What in_aton() makes of a text, also of one that is no address. */
const cases: Record<string, number> = {
  '10.0.0.1': 0x0a00_0001,
  '255.255.255.255': 0xffff_ffff,
  '192.168.001.020': 0xc0a8_0114,
  '': 0,
  '10': 0x0a00_0000,
  '10.1': 0x0a01_0000,
  '10.': 0x0a00_0000,
  '.1': 0x0001_0000,
  '1..2': 0x0100_0200,
  '1.2.3.4.5': 0x0102_0304,
  '1.2.3.4 x': (0x0102_0300 | ((4 * 10 + 0x20 - 0x30) * 10 + 0x78 - 0x30)) >>> 0,
  '1\n2\n3\n4': 0x0102_0304,
  '256.0.0.1': 0x0000_0001,
  '1.256.0.0': 0x0100_0000,
  '1.2.3.256': 0x0102_0300 | 0x100,
  '0.0.0.4294967297': 1,
  '0.0.0.99999999999': 99_999_999_999 % 2 ** 32,
  '0.0.0./': 0xffff_ffff,
  '0.0.0.\x00.9': 0,
  '0.0.0.\xff': (-1 - 0x30) >>> 0,
};

for (const [text, address] of Object.entries(cases)) {
  test(`in_aton ${JSON.stringify(text)} is ${formatIpv4(address)}`, () => {
    assert.equal(inAton(text), address);
  });
}

test('a letter counts by its place in ASCII, as in the kernel', () => {
  const letters = ('a'.charCodeAt(0) - 48) * 100 + ('b'.charCodeAt(0) - 48) * 10 + ('c'.charCodeAt(0) - 48);
  assert.equal(inAton('0.0.0.abc'), letters);
});

test('what is printed is read back', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (address) => {
      assert.equal(inAton(formatIpv4(address)), address);
    }),
  );
});

test('any text gives an unsigned 32-bit number, equal to exact arithmetic', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.x\n/'), maxLength: 40 }), (text) => {
      let exact = 0n;
      const parts = text.split(/[.\n]/);
      for (let i = 0; i < 4; i++) {
        const value = [...(parts[i] ?? '')].reduce((sum, c) => sum * 10n + BigInt(c.charCodeAt(0) - 48), 0n);
        exact = BigInt.asUintN(32, (exact << 8n) | BigInt.asUintN(32, value));
      }
      assert.equal(inAton(text), Number(exact));
    }),
  );
});
