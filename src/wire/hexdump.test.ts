import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hexdump } from './hexdump.ts';

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const cases: [string, Uint8Array, string][] = [
  ['nothing', new Uint8Array(0), ''],
  ['one byte', Uint8Array.of(0xff), `0000  ff${' '.repeat(48)}|.|`],
  [
    'a full line',
    ascii('0123456789abcdef'),
    '0000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|',
  ],
  [
    'a line and a half',
    ascii(' ~\x7f\x1f56789abcdefghijklmnop'),
    [
      '0000  20 7e 7f 1f 35 36 37 38  39 61 62 63 64 65 66 67  | ~..56789abcdefg|',
      '0010  68 69 6a 6b 6c 6d 6e 6f  70                       |hijklmnop|',
    ].join('\n'),
  ],
];
for (const [what, bytes, text] of cases) {
  test(`hexdump of ${what}`, () => {
    assert.equal(hexdump(bytes), text);
  });
}

test('the offset of a long frame has more digits when it needs them', () => {
  assert.match(hexdump(new Uint8Array(65_537)), /\n10000 {2}00 /);
});
