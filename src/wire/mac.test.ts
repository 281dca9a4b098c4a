import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMac, isZeroMac, macPton } from './mac.ts';

const good: Record<string, string> = {
  '00:00:00:00:00:00': '00:00:00:00:00:00',
  'ff:FF:Ff:fF:0a:A0': 'ff:ff:ff:ff:0a:a0',
  '02:00:00:00:00:01junk': '02:00:00:00:00:01',
  '02:00:00:00:00:01:02': '02:00:00:00:00:01',
  '02:00:00:00:00:01 ': '02:00:00:00:00:01',
};
const bad = [
  '',
  '0',
  '02:00:00:00:00:0',
  '2:0:0:0:0:1',
  '02-00-00-00-00-01',
  '0200.0000.0001',
  '020000000001',
  '02:00:00:00:00:0g',
  'g2:00:00:00:00:01',
  ' 02:00:00:00:00:01',
  '02:00:00:00:0001:1',
  '02:00:00:00:00::01',
  '02:00:00:00:00',
  '０2:00:00:00:00:01',
];

for (const [text, shown] of Object.entries(good)) {
  test(`MAC ${JSON.stringify(text)} is ${shown}`, () => {
    assert.equal(formatMac(macPton(text) ?? []), shown);
  });
}
for (const text of bad) {
  test(`${JSON.stringify(text)} is no MAC`, () => {
    assert.equal(macPton(text), undefined);
  });
}

test('a MAC of plain numbers is printed by its low bytes, missing ones as 0', () => {
  assert.equal(formatMac([0x102, 3, 4, 5, 6, 7, 8]), '02:03:04:05:06:07');
  assert.equal(formatMac([1]), '01:00:00:00:00:00');
});

test('only six zeros are the zero MAC', () => {
  assert.equal(isZeroMac(new Uint8Array(6)), true);
  assert.equal(isZeroMac([0, 0, 0, 0, 0, 1]), false);
  assert.equal(isZeroMac([1, 0, 0, 0, 0, 0]), false);
  assert.equal(isZeroMac([0, 0, 0, 0, 0, 0, 9]), true);
});

test('what is printed is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
      assert.deepEqual(macPton(formatMac(mac)), mac);
    }),
  );
});
