import { realtimeNs } from '../linux/clock.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { STATE } from '../template/device-state.ts';
import { longestFrame } from '../template/packet-template.ts';
import type { FrameQueue } from './frame-queue.ts';
import { LONGEST_FRAME, MemoryQueue } from './memory-queue.ts';
import { PcapSink } from './pcap-sink.ts';
import { RingQueue } from './ring-queue.ts';

/** Ways to send that hand frames over one by one. */
export type QueueName = 'ring' | 'pcap' | 'null';

/** The ways to send, for people. */
export const TRANSMITTERS: Readonly<Record<QueueName | 'live', string>> = {
  live: 'frames that the kernel makes by a program compiled from the configuration, and that its driver sends',
  ring: 'a mapped AF_PACKET ring, past the queueing discipline (through it with xmit_mode queue_xmit)',
  pcap: 'a pcap file with nanosecond times, instead of a link',
  null: 'nowhere: packets are made and forgotten, to measure what making them costs',
};

/** Opens the queue that a job needs; slots are at least as long as its longest frame, or the longest that leaves at all. */
export function openQueue(name: QueueName, job: TransmitJob, pcap = `${job.name}.pcap`): FrameQueue {
  const longest = longestFrame(job.template, job.state[STATE.curPktSize] ?? 0);
  const slotLen = Math.min(longest, LONGEST_FRAME);
  if (name === 'null') return new MemoryQueue(slotLen);
  if (name === 'pcap') return new MemoryQueue(slotLen, new PcapSink(pcap, realtimeNs));
  const { link, mode, skbPriority: priority } = job;
  return new RingQueue({ ifindex: link.index, slotLen, bypassQdisc: mode !== 'queue_xmit', priority });
}

/** Whether a queue that was opened for `before` does for `after`. */
export const sameQueue = (before: TransmitJob, after: TransmitJob): boolean =>
  before.link.index === after.link.index && before.mode === after.mode && before.skbPriority === after.skbPriority;
