import { STATE } from '../template/device-state.ts';
import type { FieldModifier, Order, RangeModifier } from '../template/field-modifier.ts';
import type { PacketTemplate, Placement } from '../template/packet-template.ts';
import type { SizeRule } from '../template/size-rule.ts';
import { ETHERTYPE } from '../wire/ethernet.ts';
import { macPton } from '../wire/mac.ts';
import { PKTGEN_MAGIC } from '../wire/pktgen-header.ts';
import { tci } from '../wire/vlan.ts';
import type { AddressRanges } from './address-ranges.ts';
import { FLAG, type FlagName } from './flags.ts';
import { imixTable } from './imix.ts';
import { ipv6Bytes } from './kind.ts';
import { MPLS_STACK_BOTTOM } from './mpls-labels.ts';
import { type DeviceConfig, NO_VLAN } from './params.ts';

/** What a template needs besides the configuration. */
export interface TemplateInput {
  readonly config: DeviceConfig;
  readonly ranges: AddressRanges;
  /** The source address of the header: src_mac, or the link's. */
  readonly srcMac: string;
  /** Bytes of tags and labels as counted at the start of the run (pkt_overhead). */
  readonly overhead: number;
}

const ETHERNET = 14;
const IP_HEADER = { 4: 20, 6: 40 } as const;
const UDP = 8;
const PKTGEN_HEADER = 16;
const TTL = 32;
const PROTOCOL_UDP = 17;

const macBytes = (mac: string): number[] => [...(macPton(mac) ?? new Uint8Array(6))];

/** Bytes of tags and labels (set_pkt_overhead). */
export const tagBytes = ({ mpls, vlan_id, svlan_id }: DeviceConfig): number =>
  4 * mpls.length + (vlan_id === NO_VLAN ? 0 : 4) + (svlan_id === NO_VLAN ? 0 : 4);

/** The least packet size of a device that has none set: headers with the pktgen header, and what tags took last time. */
export const defaultSize = (config: DeviceConfig, overhead: number): number =>
  ETHERNET + IP_HEADER[isIpv6(config) ? 6 : 4] + UDP + PKTGEN_HEADER + overhead;

const isIpv6 = (config: DeviceConfig): boolean => (config.flag & FLAG.IPV6) !== 0;

/** What a device sends: its configuration as bytes and modifiers, in the order of mod_cur_headers. */
export function templateOf({ config, ranges, srcMac, overhead }: TemplateInput): PacketTemplate {
  const has = (flag: FlagName): boolean => (config.flag & FLAG[flag]) !== 0;
  const order = (flag: FlagName): Order => (has(flag) ? 'random' : 'walk');
  const ip = isIpv6(config) ? 6 : 4;
  const outer = outerHeaders(config, ip, has);
  const l3 = outer.length;
  const l4 = l3 + IP_HEADER[ip];
  const payload = l4 + UDP;
  const frame = new Uint8Array(payload + PKTGEN_HEADER);
  const view = new DataView(frame.buffer);
  frame.set(macBytes(config.dst_mac), 0);
  frame.set(macBytes(srcMac), 6);
  for (const [at, value] of outer.types) view.setUint16(at, value);
  view.setUint32(payload, PKTGEN_MAGIC);

  const placements: Placement[] = [
    ...outer.placements,
    { state: STATE.curUdpSrc, field: { offset: l4, width: 2 } },
    { state: STATE.curUdpDst, field: { offset: l4 + 2, width: 2 } },
  ];
  const modifiers: FieldModifier[] = [];
  if (config.flows > 0) {
    modifiers.push({
      kind: 'flow',
      flows: config.flows,
      flowLen: config.flowlen,
      order: has('FLOW_SEQ') ? 'walk' : 'random',
    });
  }
  if (config.src_mac_count > 1) {
    const state = STATE.curSrcMacOffset;
    const base = macBytes(config.src_mac);
    modifiers.push({ kind: 'mac-count', state, at: 6, base, count: config.src_mac_count, order: order('MACSRC_RND') });
  }
  if (config.dst_mac_count > 1) {
    const state = STATE.curDstMacOffset;
    const base = macBytes(config.dst_mac);
    modifiers.push({ kind: 'mac-count', state, at: 0, base, count: config.dst_mac_count, order: order('MACDST_RND') });
  }
  modifiers.push(...outer.modifiers);
  const port = { kind: 'range', bits: 16, includesMax: { walk: false, random: false } } as const;
  if (config.udp_src_min < config.udp_src_max) {
    const field = { offset: l4, width: 2 } as const;
    const [min, max] = [config.udp_src_min, config.udp_src_max];
    modifiers.push({ ...port, state: STATE.curUdpSrc, field, min, max, order: order('UDPSRC_RND') });
  }
  if (config.udp_dst_min < config.udp_dst_max) {
    const field = { offset: l4 + 2, width: 2 } as const;
    const [min, max] = [config.udp_dst_min, config.udp_dst_max];
    modifiers.push({ ...port, state: STATE.curUdpDst, field, min, max, order: order('UDPDST_RND') });
  }
  if (ip === 4) ipv4Header();
  else ipv6Header();
  if (config.queue_map_min < config.queue_map_max && !has('QUEUE_MAP_CPU')) {
    const [min, max] = [config.queue_map_min, config.queue_map_max];
    const includesMax = { walk: true, random: true };
    modifiers.push({
      kind: 'range',
      state: STATE.curQueueMap,
      bits: 16,
      min,
      max,
      order: order('QUEUE_MAP_RND'),
      includesMax,
    });
  }
  return {
    frame,
    placements,
    modifiers,
    size: sizeRule(config, has('TXSIZE_RND')),
    overhead: ETHERNET + IP_HEADER[ip] + UDP + overhead,
    fixups: { ip, l3, l4, payload, udpChecksum: has('UDPCSUM'), timestamp: !has('NO_TIMESTAMP') },
  };

  function ipv4Header(): void {
    view.setUint8(l3, 0x45);
    view.setUint8(l3 + 1, config.tos);
    view.setUint8(l3 + 8, TTL);
    view.setUint8(l3 + 9, PROTOCOL_UDP);
    const src = { offset: l3 + 12, width: 4 } as const;
    const dst = { offset: l3 + 16, width: 4 } as const;
    placements.push({ state: STATE.curSrcAddr, field: src }, { state: STATE.curDstAddr, field: dst });
    const address = { kind: 'range', bits: 32, includesMax: { walk: true, random: false } } as const;
    if (ranges.srcMin < ranges.srcMax) {
      const [min, max] = [ranges.srcMin, ranges.srcMax];
      modifiers.push({ ...address, state: STATE.curSrcAddr, field: src, min, max, order: order('IPSRC_RND') });
    }
    if (ranges.dstMin < ranges.dstMax || config.flows > 0) {
      const [min, max] = [ranges.dstMin, ranges.dstMax];
      const range: RangeModifier = {
        ...address,
        state: STATE.curDstAddr,
        field: dst,
        min,
        max,
        order: order('IPDST_RND'),
      };
      modifiers.push({ ...range, unicast: true, perFlow: config.flows > 0 });
    }
  }

  function ipv6Header(): void {
    view.setUint32(l3, 0x6000_0000 | (config.traffic_class << 20));
    view.setUint8(l3 + 6, PROTOCOL_UDP);
    view.setUint8(l3 + 7, TTL);
    const min = new DataView(ipv6Bytes(config.dst6_min).buffer);
    const max = new DataView(ipv6Bytes(config.dst6_max).buffer);
    for (let i = 0; i < 4; i++) {
      placements.push({ state: STATE.curSrcAddr6 + i, field: { offset: l3 + 8 + 4 * i, width: 4 } });
      placements.push({ state: STATE.curDstAddr6 + i, field: { offset: l3 + 24 + 4 * i, width: 4 } });
    }
    if (config.dst6_min === '::') return;
    for (let i = 0; i < 4; i++) {
      const field = { offset: l3 + 24 + 4 * i, width: 4 } as const;
      const bits = { set: min.getUint32(4 * i), keep: max.getUint32(4 * i), mark: 0, clear: 0, add: 0 };
      modifiers.push({ kind: 'random-bits', state: STATE.curDstAddr6 + i, field, ...bits });
    }
  }
}

/** Ethernet type, tags and labels: the types by offset, and where ids and labels are. Both tags have type 0x8100. */
function outerHeaders(config: DeviceConfig, ip: 4 | 6, has: (flag: FlagName) => boolean) {
  const types: [number, number][] = [];
  const placements: Placement[] = [];
  const modifiers: FieldModifier[] = [];
  let at = ETHERNET;
  config.mpls.forEach((label, i) => {
    const field = { offset: at, width: 4 } as const;
    const add = i === config.mpls.length - 1 ? MPLS_STACK_BOTTOM : 0;
    const shown = { state: STATE.labels + i, field, clear: MPLS_STACK_BOTTOM, add };
    placements.push(shown);
    if (has('MPLS_RND') && label & MPLS_STACK_BOTTOM) {
      modifiers.push({ kind: 'random-bits', ...shown, set: 0, keep: 0xfffff, mark: MPLS_STACK_BOTTOM });
    }
    at += 4;
  });
  const tag = (state: number, random: boolean, bits: number): void => {
    types.push([at - 2, ETHERTYPE.VLAN]);
    const field = { offset: at, width: 2 } as const;
    placements.push({ state, field, add: bits });
    if (random)
      modifiers.push({ kind: 'random-bits', state, field, set: 0, keep: 0xfff, mark: 0, clear: 0, add: bits });
    at += 4;
  };
  if (config.vlan_id !== NO_VLAN) {
    const svlan = tci(0, config.svlan_p, config.svlan_cfi === 1);
    const vlan = tci(0, config.vlan_p, config.vlan_cfi === 1);
    if (config.svlan_id !== NO_VLAN) tag(STATE.svlanId, has('SVID_RND'), svlan);
    tag(STATE.vlanId, has('VID_RND'), vlan);
    // mod_cur_headers draws the inner id first.
    modifiers.reverse();
  }
  if (config.mpls.length > 0) types.push([ETHERNET - 2, ETHERTYPE.MPLS]);
  else types.push([at - 2, ip === 6 ? ETHERTYPE.IPV6 : ETHERTYPE.IPV4]);
  return { length: at, types, placements, modifiers };
}

function sizeRule(
  { min_pkt_size: min, max_pkt_size: max, imix_weights: imix }: DeviceConfig,
  random: boolean,
): SizeRule {
  if (min < max) return { kind: random ? 'random' : 'walk', min, max };
  if (imix.length > 0) return { kind: 'imix', sizes: imix.map((entry) => entry.size), table: imixTable(imix) };
  return { kind: 'fixed' };
}
