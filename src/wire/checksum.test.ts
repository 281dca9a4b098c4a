import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checksum, foldChecksum, sumWords, updateChecksum } from './checksum.ts';

const view = (...bytes: number[]): DataView => new DataView(Uint8Array.from(bytes).buffer);

test('the example of RFC 1071, section 3', () => {
  const example = view(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assert.equal(sumWords(example, 0, 8), 0x2ddf0);
  assert.equal(checksum(example, 0, 8), 0x220d);
});

test('an odd last byte is the upper half of a word', () => {
  assert.equal(sumWords(view(0x12, 0x34, 0x56), 0, 3), 0x1234 + 0x5600);
  assert.equal(sumWords(view(0x12, 0x34, 0x56), 1, 1), 0x3400);
  assert.equal(sumWords(view(0x12), 0, 0, 7), 7);
});

test('carries are folded as often as it needs', () => {
  assert.equal(foldChecksum(0), 0xffff);
  assert.equal(foldChecksum(0xffff), 0);
  assert.equal(foldChecksum(0x1_ffff), 0xfffe);
  assert.equal(foldChecksum(0xffff_ffff), 0);
  assert.equal(foldChecksum(0xffff * 2 ** 32), 0);
});

test('the update of RFC 1624, section 4, which the older equation gets wrong', () => {
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});

const words = fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 40 });

test('bytes that hold their checksum sum up to 0', () => {
  fc.assert(
    fc.property(words, (content) => {
      const data = new DataView(new ArrayBuffer(content.length * 2 + 2));
      content.forEach((word, i) => {
        data.setUint16(2 * i, word);
      });
      data.setUint16(content.length * 2, checksum(data, 0, content.length * 2));
      assert.equal(checksum(data, 0, data.byteLength), 0);
    }),
  );
});

test('the incremental checksum is the full one', () => {
  fc.assert(
    fc.property(words, fc.nat(), fc.nat(0xffff), (content, pick, to) => {
      // A word that stays non-zero: all zeros have two representations in ones' complement, headers are never all 0.
      const data = new DataView(new ArrayBuffer(content.length * 2 + 2));
      data.setUint16(content.length * 2, 0x4500);
      content.forEach((word, i) => {
        data.setUint16(2 * i, word);
      });
      const at = (pick % content.length) * 2;
      const [before, from] = [checksum(data, 0, data.byteLength), data.getUint16(at)];
      data.setUint16(at, to);
      assert.equal(updateChecksum(before, from, to), checksum(data, 0, data.byteLength));
    }),
    { numRuns: 1000 },
  );
});

test('a sum may be taken in pieces at even places', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (bytes, cut) => {
      const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const middle = Math.min(cut, bytes.length) & ~1;
      const first = sumWords(data, 0, middle);
      assert.equal(sumWords(data, middle, bytes.length - middle, first), sumWords(data, 0, bytes.length));
    }),
  );
});
