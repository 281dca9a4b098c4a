import type { TransmitJob } from '../pktgen/engine.ts';
import { longestOnLink } from '../pktgen/link.ts';
import { STATE } from '../template/device-state.ts';
import { longestFrame } from '../template/packet-template.ts';
import { LONGEST_LIVE, LONGEST_LIVE_DELAY_NS } from './live/live-limits.ts';

/** What is known of live frames here. */
export interface LiveFacts {
  /** Why this process or kernel has no live frames at all. */
  readonly missing?: string;
  /** Whether the link takes redirected frames; undefined when the kernel does not tell. */
  readonly takesFrames?: boolean;
  /** Why it does not, and what would change that. */
  readonly linkReason?: string;
}

/** What is known of this thread and of the ways to send. */
export interface TransmitFacts {
  readonly live: LiveFacts;
  /** The thread's CPU and its NUMA node. */
  readonly cpu: number;
  readonly node: number;
  /** Why AF_XDP was refused when it was tried. */
  readonly noXsk?: string;
  /** The link, by its index, that frames of other devices of the thread seem to arrive on. */
  readonly receivesOn?: number;
}

/** How a device will send. */
export interface Choice {
  /** `undefined`: it cannot send as it is asked to. */
  readonly name: 'live' | 'ring' | 'xsk' | 'xsk_zc' | 'pcap' | 'null' | undefined;
  /** Why this one; where a faster one is not possible, why not and what would change that. */
  readonly why: string;
}

/** What keeps a device from sending live frames: the reason, and what would change that. */
export function liveObstacle(job: TransmitJob, { live, node, receivesOn }: TransmitFacts): string | undefined {
  const { pace, mode, skbPriority, link, template, state } = job;
  const longest = longestFrame(template, state[STATE.curPktSize] ?? 0);
  const most = Math.min(LONGEST_LIVE, longestOnLink(link.mtu));
  if (template.seal) return 'packets of IPsec are encrypted one by one: "flag !IPSEC"';
  if (mode === 'queue_xmit') return 'live frames do not go through the queueing discipline: "xmit_mode start_xmit"';
  if (skbPriority !== 0) return 'live frames carry no skb_priority: "skb_priority 0"';
  if (longest > most) return `frames of ${longest} bytes are longer than the ${most} that live frames can have here`;
  if (mode === 'start_xmit' && pace.delayNs > LONGEST_LIVE_DELAY_NS) {
    return `with a delay of more than ${LONGEST_LIVE_DELAY_NS / 1000} µs the ring sleeps between packets and keeps the rate as well`;
  }
  if (!Number.isFinite(pace.delayNs)) return 'it never sends';
  if (job.node !== undefined && job.node !== node)
    return `live frames lie on NUMA node ${node}, that of their CPU: "flag !NODE", or a thread of a CPU on node ${job.node}`;
  if (live.missing !== undefined) return live.missing;
  if (mode === 'netif_receive' && receivesOn !== undefined && receivesOn !== link.index)
    return 'frames of its thread seem to arrive on another link already, and a thread has one: add the device to another thread';
  if (mode === 'start_xmit' && live.takesFrames === false)
    return live.linkReason ?? 'the link takes no redirected frames';
  if (mode === 'start_xmit' && live.takesFrames === undefined)
    return 'this kernel does not tell whether the link takes live frames: Linux 6.3';
  return undefined;
}

/** What of a device live frames do only nearly; a device that chooses by itself sends another way then. */
function liveDeviation({ queues, frags, link }: TransmitJob, { cpu }: TransmitFacts): string | undefined {
  const own = cpu % Math.max(link.txQueues, 1);
  if (queues && !(queues.first === own && queues.last === own))
    return `live frames go to the transmit queue of their CPU, ${own}, and ${queueText(queues)} asked for`;
  if (frags > 0)
    return `live frames are in one piece, and ${frags === 1 ? 'a fragment is' : `${frags} fragments are`} asked for`;
  return undefined;
}

const queueText = ({ first, last }: NonNullable<TransmitJob['queues']>): string =>
  first === last ? `queue ${first} is` : `queues ${first} to ${last} are`;

/** What keeps a device from AF_XDP. */
const xskObstacle = ({ mode }: TransmitJob, { noXsk }: TransmitFacts): string | undefined =>
  mode === 'queue_xmit' ? 'AF_XDP does not go through the queueing discipline' : noXsk;

/** What of a device the ring does only nearly. */
function ringDeviation({ queues, frags }: TransmitJob): string | undefined {
  if (queues) return `the kernel chooses the transmit queue, and ${queueText(queues)} asked for`;
  return frags > 1 ? 'a fragment for each page that the payload lies in' : undefined;
}

const LIVE = 'frames are made and sent in the kernel by a program compiled from the configuration';
const because = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined).join('; ');

/** Chooses how a device sends, unless it says: live frames where they do just what is asked for, else AF_XDP or the ring. */
export function chooseTransmitter(job: TransmitJob, facts: TransmitFacts): Choice {
  if (job.transmitter === 'null') return { name: 'null', why: 'as configured: packets are made and forgotten' };
  const obstacle = liveObstacle(job, facts);
  if (job.mode === 'netif_receive') {
    return obstacle === undefined && (job.transmitter === 'auto' || job.transmitter === 'live')
      ? { name: 'live', why: 'only live frames can be received by the link' }
      : {
          name: undefined,
          why: `xmit_mode netif_receive needs live frames: ${obstacle ?? 'write "transmitter auto"'}`,
        };
  }
  const deviation = liveDeviation(job, facts);
  const noXsk = xskObstacle(job, facts);
  switch (job.transmitter) {
    case 'live':
      return obstacle === undefined
        ? { name: 'live', why: because(deviation === undefined ? LIVE : 'as configured', deviation) }
        : { name: undefined, why: obstacle };
    case 'xsk':
    case 'xsk_zc':
      return noXsk === undefined
        ? { name: job.transmitter, why: because('as configured', fasterLive(obstacle ?? deviation)) }
        : { name: undefined, why: noXsk };
    case 'ring':
      return { name: 'ring', why: because('as configured', ringDeviation(job), fasterLive(obstacle ?? deviation)) };
    case 'auto':
      return chooseFreely({ obstacle, deviation, noXsk, byRing: ringDeviation(job) });
  }
}

/** What keeps a device from each way to send, and what that would do only nearly. */
interface Reasons {
  readonly obstacle: string | undefined;
  readonly deviation: string | undefined;
  readonly noXsk: string | undefined;
  readonly byRing: string | undefined;
}

function chooseFreely({ obstacle, deviation, noXsk, byRing }: Reasons): Choice {
  if (obstacle === undefined && deviation === undefined) return { name: 'live', why: LIVE };
  const notLive = obstacle === undefined ? deviation : `no live frames: ${obstacle}`;
  if (byRing === undefined) return { name: 'ring', why: because(notLive) };
  return noXsk === undefined
    ? { name: 'xsk', why: because(notLive) }
    : { name: 'ring', why: because(notLive, `no AF_XDP: ${noXsk}`, byRing) };
}

const fasterLive = (obstacle: string | undefined): string | undefined =>
  obstacle === undefined ? 'live frames would be faster: "transmitter auto"' : undefined;
