import { FLOW_KEY_LEN } from './flow-key.ts';
import { RECORD } from './flow-record.ts';
import { HISTOGRAM_BUCKETS, quantile } from './latency-histogram.ts';

/** Latency and its variation, ns; one-way. */
export interface LatencyFigures {
  readonly packets: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Mean difference between packets that follow each other (RFC 3393), without sign. */
  readonly variation: number;
}

/** What was counted of packets. */
export interface PacketFigures {
  readonly packets: number;
  readonly bytes: number;
  /** Numbers that did not come (RFC 7680): so far, as a late packet takes its own back. */
  readonly lost: number;
  /** RFC 4737, type-P reordered. */
  readonly reordered: number;
  readonly duplicates: number;
  /** So late that nobody can tell whether they came before: neither reordered nor duplicates. */
  readonly old: number;
  /** How often senders began anew. */
  readonly restarts: number;
  /** From the first packet to the last, ns. */
  readonly durationNs: number;
  /** Undefined where no packet carried a time. */
  readonly latency?: LatencyFigures;
}

/** What a flow's record says. */
export interface FlowFigures extends PacketFigures {
  /** See flowKeyField. */
  readonly key: Uint8Array;
}

/** The key in a record: a view. */
export const keyOf = (record: BigUint64Array): Uint8Array =>
  new Uint8Array(record.buffer, record.byteOffset + RECORD.key * 8, FLOW_KEY_LEN);

/** Reads a record. */
export const flowFigures = (record: BigUint64Array): FlowFigures => ({ key: keyOf(record), ...figuresOf([record]) });

/** Reads records as if they were of one flow. */
export function figuresOf(records: readonly BigUint64Array[]): PacketFigures {
  const sum = (of: (record: BigUint64Array) => bigint): number =>
    Number(records.reduce((total, record) => total + of(record), 0n));
  const word = (at: number): number => sum((record) => record[at] ?? 0n);
  const begun = records.filter((record) => (record[RECORD.packets] ?? 0n) > 0n);
  const timed = begun.filter((record) => (record[RECORD.timed] ?? 0n) > 0n);
  return {
    packets: word(RECORD.packets),
    bytes: word(RECORD.bytes),
    lost: sum(lostOf),
    reordered: word(RECORD.reordered),
    duplicates: word(RECORD.duplicates),
    old: word(RECORD.old),
    restarts: word(RECORD.restarts),
    durationNs: Number(greatest(begun, RECORD.last) - least(begun, RECORD.first)),
    ...(timed.length > 0 && { latency: latencyOf(timed) }),
  };
}

const sorted = (records: readonly BigUint64Array[], at: number): BigUint64Array =>
  BigUint64Array.from(records, (record) => record[at] ?? 0n).sort();
const least = (records: readonly BigUint64Array[], at: number): bigint => sorted(records, at)[0] ?? 0n;
const greatest = (records: readonly BigUint64Array[], at: number): bigint => sorted(records, at).at(-1) ?? 0n;

/** Numbers between base and highest that did not come, and those of runs before. */
function lostOf(record: BigUint64Array): bigint {
  const word = (at: number): bigint => record[at] ?? 0n;
  if (word(RECORD.packets) === 0n) return 0n;
  const missing = word(RECORD.highest) - word(RECORD.base) + 1n - word(RECORD.distinct);
  // The record may be read between two words of one packet.
  return (missing > 0n ? missing : 0n) + word(RECORD.lostBefore);
}

/** The histogram of all packets with a time. */
export function latencyCounts(records: readonly BigUint64Array[]): Float64Array {
  const counts = new Float64Array(HISTOGRAM_BUCKETS);
  for (const record of records) {
    const own = new Uint32Array(record.buffer, record.byteOffset + RECORD.histogram * 8, HISTOGRAM_BUCKETS);
    for (let i = 0; i < HISTOGRAM_BUCKETS; i++) counts[i] = (counts[i] ?? 0) + (own[i] ?? 0);
  }
  return counts;
}

/** Of records that have packets with a time. */
function latencyOf(records: readonly BigUint64Array[]): LatencyFigures {
  const counts = latencyCounts(records);
  const sum = (at: number): number => Number(records.reduce((total, record) => total + (record[at] ?? 0n), 0n));
  const [min, max] = [Number(least(records, RECORD.latencyMin)), Number(greatest(records, RECORD.latencyMax))];
  /** A bucket's middle may lie beyond what there was. */
  const within = (share: number): number => Math.min(max, Math.max(min, quantile(counts, share)));
  const packets = sum(RECORD.timed);
  const differences = packets - records.length;
  return {
    packets,
    min,
    mean: sum(RECORD.latencySum) / packets,
    max,
    p50: within(0.5),
    p99: within(0.99),
    p999: within(0.999),
    variation: differences > 0 ? sum(RECORD.variationSum) / differences : 0,
  };
}
