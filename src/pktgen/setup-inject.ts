import { STATE } from '../template/device-state.ts';
import { type AddressRanges, startRanges } from './address-ranges.ts';
import type { StatePatch } from './engine.ts';
import { FLAG } from './flags.ts';
import { ipv6Bytes } from './kind.ts';
import type { Link } from './link.ts';
import { type DeviceConfig, NO_VLAN } from './params.ts';
import { firstQueue } from './queue-map.ts';
import { CLEARED_COUNTERS } from './shortcuts.ts';
import { defaultSize, missingRoom, tagBytes } from './template-of.ts';

/** What a start changes of a device before its first packet. */
export interface Injection {
  readonly config: DeviceConfig;
  readonly ranges: AddressRanges;
  readonly overhead: number;
  readonly patches: readonly StatePatch[];
  /** Lines for the kernel log. */
  readonly log: readonly string[];
}

/** Sets a device up for a run (pktgen_setup_inject, pktgen_clear_counters, set_pkt_overhead). */
export function setupInject(
  name: string,
  before: DeviceConfig,
  link: Link,
  state: Uint32Array,
  lastOverhead: number,
  cpu: number,
): Injection {
  const log: string[] = [];
  const queue = (which: 'queue_map_min' | 'queue_map_max'): number => {
    const last = Math.max(link.txQueues, 1) - 1;
    if (before[which] < link.txQueues) return before[which];
    log.push(
      `WARNING: Requested ${which} (zero-based) (${before[which]}) exceeds valid range [0 - ${last}] ` +
        `for (${link.txQueues}) queues on ${name}, resetting`,
    );
    return last;
  };
  const min = before.min_pkt_size || defaultSize(before, lastOverhead);
  const config: DeviceConfig = {
    ...before,
    queue_map_min: queue('queue_map_min'),
    queue_map_max: queue('queue_map_max'),
    min_pkt_size: min,
    max_pkt_size: Math.max(min, before.max_pkt_size),
  };
  const ranges = startRanges(config, link.ipv4 ?? 0);
  const overhead = tagBytes(config);
  if (increasesPayload(config, overhead)) log.push('increased datalen to 16');
  const room = missingRoom(config, overhead);
  if (room !== undefined) {
    log.push(`WARNING: ${name}: no room for flow_tag or timestamp_ns in packets of less than ${room} bytes, left out`);
  }
  const patches: StatePatch[] = [
    ...CLEARED_COUNTERS,
    [STATE.curPktSize, min],
    [STATE.curDstMacOffset, 0],
    [STATE.curSrcMacOffset, 0],
    [STATE.curSrcAddr, ranges.srcMin],
    [STATE.curDstAddr, ranges.dstMin],
    [STATE.curUdpDst, config.udp_dst_min],
    [STATE.curUdpSrc, config.udp_src_min],
    [STATE.flowsSeen, 0],
    [STATE.builtFrags, 0],
    [STATE.cloneCount, 0],
    [STATE.stop, 0],
    ...config.imix_weights.flatMap((_, i): StatePatch[] => [
      [STATE.imixCounts + 2 * i, 0],
      [STATE.imixCounts + 2 * i + 1, 0],
    ]),
    ...firstQueue(config, link, cpu),
    ...(config.flag & FLAG.IPV6 ? sourceAddress6(link, state, log) : []),
  ];
  return { config, ranges, overhead, patches, log };
}

/** Without a source address, the link's link-local one; without that the kernel complains and sends from `::`. */
function sourceAddress6(link: Link, state: Uint32Array, log: string[]): StatePatch[] {
  if ([0, 1, 2, 3].some((i) => state[STATE.curSrcAddr6 + i] !== 0)) return [];
  if (link.linkLocal === undefined) {
    log.push('ERROR: IPv6 link address not available');
    return [];
  }
  const view = new DataView(ipv6Bytes(link.linkLocal).buffer);
  return [0, 1, 2, 3].map((i): StatePatch => [STATE.curSrcAddr6 + i, view.getUint32(4 * i)]);
}

/** Whether packets become longer than asked for because a pktgen header must fit; the kernel tells of it for IPv6 only. */
const increasesPayload = (config: DeviceConfig, overhead: number): boolean =>
  (config.flag & FLAG.IPV6) !== 0 &&
  config.imix_weights.length === 0 &&
  config.min_pkt_size < 14 + 40 + 8 + 16 + overhead;

/** The tags that random bits have changed become the configuration, as the kernel has no other place for them. */
export function drawnTags(config: DeviceConfig, state: Uint32Array): DeviceConfig {
  const drawn: { vlan_id?: number; svlan_id?: number; mpls?: readonly number[] } = {};
  if (config.flag & FLAG.VID_RND && config.vlan_id !== NO_VLAN) drawn.vlan_id = state[STATE.vlanId] ?? 0;
  if (config.flag & FLAG.SVID_RND && config.svlan_id !== NO_VLAN) drawn.svlan_id = state[STATE.svlanId] ?? 0;
  if (config.flag & FLAG.MPLS_RND) drawn.mpls = config.mpls.map((_, i) => state[STATE.labels + i] ?? 0);
  return { ...config, ...drawn };
}
