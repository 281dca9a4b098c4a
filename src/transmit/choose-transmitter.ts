import type { TransmitJob } from '../pktgen/engine.ts';
import { STATE } from '../template/device-state.ts';
import { longestFrame } from '../template/packet-template.ts';
import { ETHERNET_HEADER_LEN } from '../wire/ethernet.ts';
import { VLAN_TAG_LEN } from '../wire/vlan.ts';
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

/** How a device will send. */
export interface Choice {
  /** `undefined`: it cannot send as it is asked to. */
  readonly name: 'live' | 'ring' | 'pcap' | 'null' | undefined;
  /** Why this one; where a faster one is not possible, why not and what would change that. */
  readonly why: string;
}

/** What keeps a device from sending live frames: the reason, and what would change that. */
export function liveObstacle(job: TransmitJob, facts: LiveFacts): string | undefined {
  const { pace, mode, skbPriority, link, template, state } = job;
  const longest = longestFrame(template, state[STATE.curPktSize] ?? 0);
  const most = Math.min(LONGEST_LIVE, link.mtu + ETHERNET_HEADER_LEN + VLAN_TAG_LEN);
  if (mode === 'queue_xmit') return 'live frames do not go through the queueing discipline: "xmit_mode start_xmit"';
  if (skbPriority !== 0) return 'live frames carry no skb_priority: "skb_priority 0"';
  if (longest > most) return `frames of ${longest} bytes are longer than the ${most} that live frames can have here`;
  if (mode === 'start_xmit' && pace.delayNs > LONGEST_LIVE_DELAY_NS) {
    return `with a delay of more than ${LONGEST_LIVE_DELAY_NS / 1000} µs the ring sleeps between packets and keeps the rate as well`;
  }
  if (!Number.isFinite(pace.delayNs)) return 'it never sends';
  if (facts.missing !== undefined) return facts.missing;
  if (mode === 'start_xmit' && facts.takesFrames === false)
    return facts.linkReason ?? 'the link takes no redirected frames';
  if (mode === 'start_xmit' && facts.takesFrames === undefined)
    return 'this kernel does not tell whether the link takes live frames: Linux 6.3';
  return undefined;
}

/** Chooses how a device sends: live frames where they are possible, else the ring, unless it says. */
export function chooseTransmitter(job: TransmitJob, facts: LiveFacts): Choice {
  if (job.transmitter === 'null') return { name: 'null', why: 'as configured: packets are made and forgotten' };
  const obstacle = liveObstacle(job, facts);
  if (job.mode === 'netif_receive') {
    return obstacle === undefined && job.transmitter !== 'ring'
      ? { name: 'live', why: 'only live frames can be received by the link' }
      : {
          name: undefined,
          why: `xmit_mode netif_receive needs live frames: ${obstacle ?? 'write "transmitter auto"'}`,
        };
  }
  if (job.transmitter === 'ring') {
    return {
      name: 'ring',
      why: `as configured${obstacle === undefined ? '; live frames would be faster: "transmitter auto"' : ''}`,
    };
  }
  if (obstacle === undefined)
    return { name: 'live', why: 'frames are made and sent in the kernel by a program compiled from the configuration' };
  if (job.transmitter === 'live') return { name: undefined, why: obstacle };
  return { name: 'ring', why: `no live frames: ${obstacle}` };
}
