/**
 * A histogram of times, log-linear: an octave is divided into 32 buckets, so that the middle of a bucket is at most
 * 1.6 % away from what it holds. Times below 32 ns have a bucket each.
 */
const SUB_BITS = 5;
const SUB = 1 << SUB_BITS;
/** The longest time that has a bucket of its own, as a power of two: 18 minutes; longer ones go into the last. */
const LONGEST_BITS = 40;
export const HISTOGRAM_BUCKETS = (LONGEST_BITS - SUB_BITS + 1) * SUB;
export const HISTOGRAM_BITS = { sub: SUB_BITS, longest: LONGEST_BITS } as const;

/** The bucket of a time, ns, not negative. */
export function bucketOf(ns: number): number {
  if (ns < SUB) return Math.floor(ns);
  if (ns < 2 ** 32) {
    const octave = 31 - Math.clz32(ns) - SUB_BITS;
    return octave * SUB + (ns >>> octave);
  }
  const exponent = Math.floor(Math.log2(ns));
  // log2 of a number just below a power of two may be rounded up to it.
  const exact = 2 ** exponent > ns ? exponent - 1 : exponent;
  if (exact >= LONGEST_BITS) return HISTOGRAM_BUCKETS - 1;
  const sub = Math.floor(ns / 2 ** (exact - SUB_BITS)) - SUB;
  return (exact - SUB_BITS + 1) * SUB + sub;
}

/** The times of a bucket, ns: from, and less than. */
export function bucketBounds(bucket: number): readonly [from: number, to: number] {
  if (bucket < SUB) return [bucket, bucket + 1];
  const octave = Math.floor(bucket / SUB) - 1;
  const width = 2 ** octave;
  const from = (SUB + (bucket % SUB)) * width;
  return [from, from + width];
}

/** The time, ns, that a share of what was counted does not exceed; NaN where nothing was. */
export function quantile(counts: Uint32Array | Float64Array, share: number): number {
  let all = 0;
  for (const count of counts) all += count;
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    seen += count;
    if (count > 0 && seen >= share * all) {
      const [from, to] = bucketBounds(bucket);
      return to - from === 1 ? from : (from + to) / 2;
    }
  }
  return Number.NaN;
}
