import { realtimeNs } from '../linux/clock.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { STATE } from '../template/device-state.ts';
import { longestFrame } from '../template/packet-template.ts';
import type { FrameQueue } from './frame-queue.ts';
import { LONGEST_FRAME, MemoryQueue } from './memory-queue.ts';
import { PcapSink } from './pcap-sink.ts';
import { RingQueue } from './ring-queue.ts';

/** What a transmitter needs besides the job. */
export interface TransmitterOptions {
  /** Where `pcap` writes. */
  readonly pcap?: string;
}

/** A way to send. */
interface Transmitter {
  /** What it is, for people. */
  readonly doc: string;
  open(job: TransmitJob, slotLen: number, options: TransmitterOptions): FrameQueue;
}

/** The ways to send, by name. */
export const TRANSMITTERS = {
  ring: {
    doc: 'a mapped AF_PACKET ring, past the queueing discipline (through it with xmit_mode queue_xmit)',
    open: ({ link, mode, skbPriority }, slotLen) =>
      new RingQueue({ ifindex: link.index, slotLen, bypassQdisc: mode !== 'queue_xmit', priority: skbPriority }),
  },
  pcap: {
    doc: 'a pcap file with nanosecond times, instead of a link',
    open: (job, slotLen, { pcap = `${job.name}.pcap` }) => new MemoryQueue(slotLen, new PcapSink(pcap, realtimeNs)),
  },
  null: {
    doc: 'nowhere: packets are made and forgotten, to measure what making them costs',
    open: (_job, slotLen) => new MemoryQueue(slotLen),
  },
} satisfies Record<string, Transmitter>;

export type TransmitterName = keyof typeof TRANSMITTERS;

/** Opens the queue that a job needs; slots are at least as long as its longest frame, or the longest that leaves at all. */
export function openQueue(name: TransmitterName, job: TransmitJob, options: TransmitterOptions): FrameQueue {
  const transmitter: Transmitter = TRANSMITTERS[name];
  const longest = longestFrame(job.template, job.state[STATE.curPktSize] ?? 0);
  return transmitter.open(job, Math.min(longest, LONGEST_FRAME), options);
}

/** Whether a queue that was opened for `before` does for `after`. */
export const sameQueue = (before: TransmitJob, after: TransmitJob): boolean =>
  before.link.index === after.link.index && before.mode === after.mode && before.skbPriority === after.skbPriority;
