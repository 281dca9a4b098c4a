import { realtimeNs } from '../linux/clock.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { queueOfCpu } from '../pktgen/queue-map.ts';
import { STATE } from '../template/device-state.ts';
import { longestFrame } from '../template/packet-template.ts';
import type { FrameQueue } from './frame-queue.ts';
import { LONGEST_FRAME, MemoryQueue } from './memory-queue.ts';
import { PcapSink } from './pcap-sink.ts';
import { RingQueue } from './ring-queue.ts';
import { XskQueue } from './xsk-queue.ts';

/** Ways to send that hand frames over one by one. */
export type QueueName = 'ring' | 'xsk' | 'xsk_zc' | 'pcap' | 'null';

/** The ways to send, for people. */
export const TRANSMITTERS: Readonly<Record<QueueName | 'live', string>> = {
  live: 'frames that the kernel makes by a program compiled from the configuration, and that its driver sends',
  ring: 'a mapped AF_PACKET ring, past the queueing discipline (through it with xmit_mode queue_xmit)',
  xsk: 'AF_XDP sockets, one for each transmit queue, that copy the packets',
  xsk_zc:
    'AF_XDP sockets whose packets the driver reads where they lie, and which take the receive side of their queues',
  pcap: 'a pcap file with nanosecond times, instead of a link',
  null: 'nowhere: packets are made and forgotten, to measure what making them costs',
};

/** Opens the queue that a job needs; slots are at least as long as its longest frame, or the longest that leaves at all. */
export function openQueue(name: QueueName, job: TransmitJob, cpu: number, pcap = `${job.name}.pcap`): FrameQueue {
  const longest = longestFrame(job.template, job.state[STATE.curPktSize] ?? 0);
  const slotLen = Math.min(longest, LONGEST_FRAME);
  if (name === 'null') return new MemoryQueue(slotLen);
  if (name === 'pcap') return new MemoryQueue(slotLen, new PcapSink(pcap, realtimeNs));
  const { link, mode, skbPriority: priority } = job;
  // What is encrypted is no payload of zeros: it goes in one piece.
  const frags = job.template.seal ? 0 : job.frags;
  const common = { ifindex: link.index, slotLen, priority, frags, headers: job.template.frame.length };
  if (name === 'ring') return new RingQueue({ ...common, bypassQdisc: mode !== 'queue_xmit' });
  return new XskQueue({ ...common, queues: queuesFor(job, cpu), zeroCopy: name === 'xsk_zc' });
}

/** The transmit queues that a job needs a socket for: those it asks for, else the one of its thread. */
function queuesFor({ queues, link }: TransmitJob, cpu: number): number[] {
  if (!queues) return [queueOfCpu(cpu, link)];
  return Array.from({ length: queues.last - queues.first + 1 }, (_, i) => queues.first + i);
}

/** Whether a queue that was opened for `before` does for `after`. */
export const sameQueue = (before: TransmitJob, after: TransmitJob): boolean =>
  before.link.index === after.link.index &&
  before.mode === after.mode &&
  before.skbPriority === after.skbPriority &&
  before.frags === after.frags &&
  before.node === after.node &&
  before.queues?.first === after.queues?.first &&
  before.queues?.last === after.queues?.last &&
  (after.frags === 0 || before.template.frame.length === after.template.frame.length) &&
  (before.template.seal === undefined) === (after.template.seal === undefined);
