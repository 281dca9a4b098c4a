import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bucketBounds, bucketOf, HISTOGRAM_BUCKETS, quantile } from './latency-histogram.ts';

test('a time lies within the bounds of its bucket, whose middle is at most 3 % away', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.nat(100),
        fc.nat(2 ** 31 - 1),
        fc.maxSafeNat().map((n) => n % 2 ** 40),
      ),
      (ns) => {
        const bucket = bucketOf(ns);
        const [from, to] = bucketBounds(bucket);
        assert.ok(from <= ns && ns < to, `${ns} is not in ${from}..${to}`);
        assert.ok(Math.abs((from + to) / 2 - ns) <= Math.max(0.5, ns * 0.03));
      },
    ),
    { numRuns: 2000 },
  );
});

test('buckets follow each other without gaps', () => {
  for (let bucket = 1; bucket < HISTOGRAM_BUCKETS; bucket++) {
    assert.equal(bucketBounds(bucket)[0], bucketBounds(bucket - 1)[1]);
    assert.equal(bucketOf(bucketBounds(bucket)[0]), bucket);
    assert.equal(bucketOf(bucketBounds(bucket)[1] - 1), bucket);
  }
});

test('what is longer than the longest goes into the last bucket', () => {
  assert.equal(bucketOf(2 ** 40), HISTOGRAM_BUCKETS - 1);
  assert.equal(bucketOf(2 ** 52), HISTOGRAM_BUCKETS - 1);
});

test('quantiles', () => {
  const counts = new Uint32Array(HISTOGRAM_BUCKETS);
  assert.ok(Number.isNaN(quantile(counts, 0.5)));
  for (let ns = 1; ns <= 1000; ns++) counts[bucketOf(ns)] = (counts[bucketOf(ns)] ?? 0) + 1;
  for (const share of [0.1, 0.5, 0.9, 0.99]) {
    assert.ok(Math.abs(quantile(counts, share) - 1000 * share) <= 1000 * share * 0.03 + 1, `${share}`);
  }
});
