import { HISTOGRAM_BUCKETS } from './latency-histogram.ts';

/** Words of the window that tells a late packet from a repeated one: 64 sequence numbers each. */
export const WINDOW_WORDS = 32;

/**
 * What is kept of a flow, as 64-bit words: in memory of JavaScript's, or in a map that an XDP program writes. Times are in
 * ns of the wall clock. Sequence numbers are unwrapped: 32 bits of the packet, and above them how often they wrapped.
 */
export const RECORD = {
  /** What its packets have in common: the 48 bytes of its key; see flowKeyField. */
  key: 0,
  packets: 6,
  /** Bytes of the frames, without FCS. */
  bytes: 7,
  first: 8,
  last: 9,
  /** The first sequence number of this run of the sender, and the highest. */
  base: 10,
  highest: 11,
  /** Different sequence numbers from base to highest that came. */
  distinct: 12,
  /** Packets with a number below the highest that came before (RFC 4737, type-P reordered). */
  reordered: 13,
  duplicates: 14,
  /** Packets so far behind that nobody can tell whether they came before; they count as neither. */
  old: 15,
  /** How often the sender began anew. */
  restarts: 16,
  /** Lost in runs before the last restart. */
  lostBefore: 17,
  /** Packets with a time, the sum of their latencies, the least and the greatest, and that of the last, ns. */
  timed: 18,
  latencySum: 19,
  latencyMin: 20,
  latencyMax: 21,
  latencyLast: 22,
  /** Sum of the differences between the latencies of packets that follow each other (RFC 3393), without sign. */
  variationSum: 23,
  /** When the packet with the highest number was sent, ns; 0 where packets carry no time. */
  highestSent: 24,
  /** 1 while a CPU writes the record. */
  lock: 25,
  window: 26,
  /** 32-bit counts, two in a word. */
  histogram: 26 + WINDOW_WORDS,
} as const;

/** No packet is longer on its way than 13 days, ns: what says so has another clock. Sums of these stay exact. */
export const MOST_LATENCY = 2 ** 50;

/** Words of a record. */
export const RECORD_WORDS = RECORD.histogram + HISTOGRAM_BUCKETS / 2;
/** Bytes of a record. */
export const RECORD_LEN = RECORD_WORDS * 8;
