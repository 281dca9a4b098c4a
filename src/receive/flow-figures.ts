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

/** What a flow's record says. */
export interface FlowFigures {
  readonly key: bigint;
  readonly packets: number;
  readonly bytes: number;
  /** Numbers that did not come (RFC 7680): so far, as a late packet takes its own back. */
  readonly lost: number;
  /** RFC 4737, type-P reordered. */
  readonly reordered: number;
  readonly duplicates: number;
  readonly old: number;
  readonly restarts: number;
  /** From the first packet to the last, ns. */
  readonly durationNs: number;
  /** Undefined where no packet carried a time. */
  readonly latency?: LatencyFigures;
}

/** Reads a record. */
export function flowFigures(record: BigUint64Array): FlowFigures {
  const word = (at: number): bigint => record[at] ?? 0n;
  const number = (at: number): number => Number(word(at));
  const missing = word(RECORD.highest) - word(RECORD.base) + 1n - word(RECORD.distinct);
  const packets = number(RECORD.packets);
  const timed = number(RECORD.timed);
  return {
    key: word(RECORD.key),
    packets,
    bytes: number(RECORD.bytes),
    lost: packets === 0 ? 0 : Number(missing) + number(RECORD.lostBefore),
    reordered: number(RECORD.reordered),
    duplicates: number(RECORD.duplicates),
    old: number(RECORD.old),
    restarts: number(RECORD.restarts),
    durationNs: Number(word(RECORD.last) - word(RECORD.first)),
    ...(timed > 0 && { latency: latencyFigures(record, timed) }),
  };
}

function latencyFigures(record: BigUint64Array, packets: number): LatencyFigures {
  const counts = new Uint32Array(record.buffer, record.byteOffset + RECORD.histogram * 8, HISTOGRAM_BUCKETS);
  const number = (at: number): number => Number(record[at] ?? 0n);
  const [min, max] = [number(RECORD.latencyMin), number(RECORD.latencyMax)];
  /** A bucket's middle may lie beyond what there was. */
  const within = (share: number): number => Math.min(max, Math.max(min, quantile(counts, share)));
  return {
    packets,
    min,
    mean: number(RECORD.latencySum) / packets,
    max,
    p50: within(0.5),
    p99: within(0.99),
    p999: within(0.999),
    variation: packets > 1 ? number(RECORD.variationSum) / (packets - 1) : 0,
  };
}
