import type { TransmitJob } from '../../src/pktgen/engine.ts';
import { PKTGEN_HEADER_LEN, pktgenField } from '../../src/wire/pktgen-header.ts';
import { expectedPackets, expectedPieces } from './expected-run.ts';
import { timeIn } from './same-frames.ts';
import type { SkbPieces } from './skb-probe.ts';

/** How far the time in a packet may be from that of its arrival, s. */
const TIME_ERROR_S = 0.5;
/** How far the usual gap between packets may be from the delay, as a part of it. */
const PACE_ERROR = 0.05;

/** What was seen of a run. */
export interface SeenRun {
  readonly frames: readonly Uint8Array[];
  /** When each frame came, s of the wall clock. */
  readonly arrivals: readonly number[];
  /** What the result of the run tells. */
  readonly packets: number;
  readonly errors: number;
  /** Packets that came to the queueing discipline of the near end, and the priority of the last one. */
  readonly queued: { readonly packets: number; readonly priority: number };
  /** Packets by transmit queue, where those are asked for. */
  readonly queues: readonly number[] | undefined;
  /** The pieces of a packet, where fragments are asked for. */
  readonly pieces: SkbPieces | undefined;
}

/** What is different about a run from what the pure model makes of it; uses the state of the job up. */
export function runDifferences(job: TransmitJob, seen: SeenRun): string[] {
  const { pace, mode, skbPriority, frags } = job;
  // Each queue arrives in an order of its own.
  const [frames, arrivals] = seen.queues ? [bySequence(job, seen.frames), undefined] : [seen.frames, seen.arrivals];
  const wanted = expectedPackets(job, frames);
  const length = wanted.frames[0]?.length ?? 0;
  const queued = mode === 'queue_xmit' ? { packets: pace.count, priority: skbPriority } : { packets: 0, priority: 0 };
  return [
    ...differing('frames', frames.length, wanted.frames.length),
    ...differentFrame(frames, wanted.frames),
    ...(arrivals ? [...differentTime(job, frames, arrivals), ...differentPace(job, arrivals)] : []),
    ...differing('packets of the result', seen.packets, pace.count),
    // What the stack does with packets that its link seems to receive is no matter of who sends them.
    ...(mode === 'netif_receive' ? [] : differing('errors of the result', seen.errors, 0)),
    ...differing('in the queueing discipline', seen.queued, queued),
    ...(seen.queues ? differing('packets by queue', seen.queues, wanted.queues) : []),
    ...(frags > 0 ? differing('pieces', seen.pieces, expectedPieces(job, length)) : []),
  ];
}

/** The frames in the order in which they were made. */
function bySequence({ template }: TransmitJob, frames: readonly Uint8Array[]): Uint8Array[] {
  const at = template.fixups.payload + pktgenField.seq;
  const seqOf = (frame: Uint8Array): number =>
    frame.length < template.fixups.payload + PKTGEN_HEADER_LEN
      ? 0
      : new DataView(frame.buffer, frame.byteOffset).getUint32(at);
  return [...frames].sort((a, b) => seqOf(a) - seqOf(b));
}

function differing(what: string, is: unknown, wanted: unknown): string[] {
  const [a, b] = [JSON.stringify(is), JSON.stringify(wanted)];
  return a === b ? [] : [`${what}: ${a}, not ${b}`];
}

const hex = (frame: Uint8Array | undefined): string => Buffer.from(frame ?? []).toString('hex');

/** The first frame that is another. */
function differentFrame(frames: readonly Uint8Array[], wanted: readonly Uint8Array[]): string[] {
  const n = wanted.findIndex((frame, i) => hex(frame) !== hex(frames[i]));
  return n < 0 ? [] : differing(`frame ${n}`, hex(frames[n]), hex(wanted[n]));
}

/** Each packet carries the time of its sending, unless it is to carry none. */
function differentTime(
  { template }: TransmitJob,
  frames: readonly Uint8Array[],
  arrivals: readonly number[],
): string[] {
  if (!template.fixups.timestamp) return [];
  const n = frames.findIndex((frame, i) => {
    const [sec, usec] = timeIn(frame);
    return Math.abs(sec + usec / 1e6 - (arrivals[i] ?? 0)) > TIME_ERROR_S;
  });
  return n < 0 ? [] : [`time of frame ${n}: ${timeIn(frames[n]).join(' s, ')} µs, and it came at ${arrivals[n]} s`];
}

/** The median of the gaps between packets is the delay: where the machine held one up tells nothing of the others. */
function differentPace({ pace }: TransmitJob, arrivals: readonly number[]): string[] {
  if (pace.delayNs === 0) return [];
  const gaps = arrivals.slice(1).map((at, i) => (at - (arrivals[i] ?? 0)) * 1e9);
  const usual = gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 0;
  const isRight = Math.abs(usual - pace.delayNs) <= PACE_ERROR * pace.delayNs;
  return isRight ? [] : [`delay: ${Math.round(usual)} ns, not ${pace.delayNs}`];
}
