import { HISTOGRAM_BUCKETS } from './latency-histogram.ts';

/** Words of the window that tells a late packet from a repeated one: 64 sequence numbers each. */
export const WINDOW_WORDS = 32;

/**
 * What is kept of a flow, as 64-bit words: in memory of JavaScript's, or in a map that an XDP program writes. Times are in
 * ns of the wall clock. Sequence numbers are unwrapped: 32 bits of the packet, and above them how often they wrapped.
 */
export const RECORD = {
  /** What its packets have in common; see FlowKey. */
  key: 0,
  packets: 1,
  /** Bytes of the frames, without FCS. */
  bytes: 2,
  first: 3,
  last: 4,
  /** The first sequence number of this run of the sender, and the highest. */
  base: 5,
  highest: 6,
  /** Different sequence numbers from base to highest that came. */
  distinct: 7,
  /** Packets with a number below the highest that came before (RFC 4737, type-P reordered). */
  reordered: 8,
  duplicates: 9,
  /** Packets so far behind that nobody can tell whether they came before; they count as neither. */
  old: 10,
  /** How often the sender began anew. */
  restarts: 11,
  /** Lost in runs before the last restart. */
  lostBefore: 12,
  /** Packets with a time, the sum of their latencies, the least and the greatest, and that of the last, ns. */
  timed: 13,
  latencySum: 14,
  latencyMin: 15,
  latencyMax: 16,
  latencyLast: 17,
  /** Sum of the differences between the latencies of packets that follow each other (RFC 3393), without sign. */
  variationSum: 18,
  /** When the packet with the highest number was sent, ns; 0 where packets carry no time. */
  highestSent: 19,
  /** 1 while a CPU writes the record. */
  lock: 20,
  window: 22,
  /** 32-bit counts, two in a word. */
  histogram: 22 + WINDOW_WORDS,
} as const;

/** Words of a record. */
export const RECORD_WORDS = RECORD.histogram + HISTOGRAM_BUCKETS / 2;
