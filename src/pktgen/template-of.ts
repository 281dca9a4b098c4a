import { candidates } from '../ipsec/find-association.ts';
import type { SecurityAssociation } from '../ipsec/security-association.ts';
import { STATE } from '../template/device-state.ts';
import type { FieldModifier, FrameField, Order, RangeModifier } from '../template/field-modifier.ts';
import type { PacketTemplate, Placement, SealRule } from '../template/packet-template.ts';
import type { SizeRule } from '../template/size-rule.ts';
import { ETHERNET_HEADER_LEN, ETHERTYPE, ethernetField } from '../wire/ethernet.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { macPton } from '../wire/mac.ts';
import { MPLS_LABEL_LEN } from '../wire/mpls.ts';
import { PKTGEN_HEADER_LEN, PKTGEN_MAGIC, TAGGED_LEN, TIMED_LEN, trailerField } from '../wire/pktgen-header.ts';
import { UDP_HEADER_LEN, udpField } from '../wire/udp.ts';
import { VLAN_TAG_LEN } from '../wire/vlan.ts';
import type { AddressRanges } from './address-ranges.ts';
import { FLAG, type FlagName } from './flags.ts';
import { imixTable } from './imix.ts';
import { ipv6Bytes } from './kind.ts';
import { outerHeaders } from './outer-headers.ts';
import { type DeviceConfig, NO_VLAN } from './params.ts';

/** What a template needs besides the configuration. */
export interface TemplateInput {
  readonly config: DeviceConfig;
  readonly ranges: AddressRanges;
  /** The source address of the header: src_mac, or the link's. */
  readonly srcMac: string;
  /** Bytes of tags and labels as counted at the start of the run (pkt_overhead). */
  readonly overhead: number;
  /** Those of the namespace (flag IPSEC). */
  readonly associations: readonly SecurityAssociation[];
}

const IP_HEADER_LEN = { 4: IPV4_HEADER_LEN, 6: IPV6_HEADER_LEN } as const;
/** Time to live and hop limit of all packets. */
const TTL = 32;

const versionOf = ({ flag }: DeviceConfig): 4 | 6 => (flag & FLAG.IPV6 ? 6 : 4);
const macBytes = (mac: string): number[] => [...(macPton(mac) ?? new Uint8Array(6))];
const orderOf = ({ flag }: DeviceConfig, random: FlagName): Order => (flag & FLAG[random] ? 'random' : 'walk');

/** Bytes of tags and labels (set_pkt_overhead). */
export const tagBytes = ({ mpls, vlan_id, svlan_id }: DeviceConfig): number =>
  MPLS_LABEL_LEN * mpls.length + VLAN_TAG_LEN * [vlan_id, svlan_id].filter((id) => id !== NO_VLAN).length;

/** Bytes before the pktgen header of a packet without tags. */
const headerBytes = (config: DeviceConfig): number =>
  ETHERNET_HEADER_LEN + IP_HEADER_LEN[versionOf(config)] + UDP_HEADER_LEN;

/** Bytes of payload that a device asks for: the pktgen header, with a flow tag and nanoseconds if they are wanted. */
const wantedPayload = ({ flow_tag, timestamp_ns }: DeviceConfig): number =>
  timestamp_ns !== 0 ? TIMED_LEN : flow_tag !== 0 ? TAGGED_LEN : PKTGEN_HEADER_LEN;

/** The least packet size of a device that has none set: headers with the pktgen header, and what tags took last time. */
export const defaultSize = (config: DeviceConfig, overhead: number): number =>
  headerBytes(config) + wantedPayload(config) + overhead;

/** Payload of the shortest packet of a device. */
function leastPayload(config: DeviceConfig, overhead: number): number {
  const { min_pkt_size: min, max_pkt_size: max, imix_weights: imix } = config;
  const sizes = min < max || imix.length === 0 ? [min, max] : imix.map(({ size }) => size);
  return Math.max(PKTGEN_HEADER_LEN, Math.min(...sizes) - headerBytes(config) - overhead);
}

/** The least size of packets that have room for what is to stand behind the pktgen header; undefined where all have. */
export const missingRoom = (config: DeviceConfig, overhead: number): number | undefined =>
  leastPayload(config, overhead) < wantedPayload(config)
    ? headerBytes(config) + wantedPayload(config) + overhead
    : undefined;

/** Adds the bytes, placements and modifiers of a header. */
interface Layer {
  emit(frame: DataView): void;
  readonly placements: readonly Placement[];
  readonly modifiers: readonly FieldModifier[];
}

/** What a device sends: its configuration as bytes and modifiers, in the order of mod_cur_headers. */
export function templateOf({ config, ranges, srcMac, overhead, associations }: TemplateInput): PacketTemplate {
  const ip = versionOf(config);
  const outer = outerHeaders(config, ip === 4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6);
  const l3 = outer.length;
  const l4 = l3 + IP_HEADER_LEN[ip];
  const payload = l4 + UDP_HEADER_LEN;
  const network = ip === 4 ? ipv4Layer(config, ranges, l3) : ipv6Layer(config, l3);
  const udp = udpLayer(config, l4);
  const trailer = trailerOf(config, leastPayload(config, overhead), payload);

  const frame = new Uint8Array(payload + trailer.length);
  const view = new DataView(frame.buffer);
  frame.set(macBytes(config.dst_mac), ethernetField.dst);
  frame.set(macBytes(srcMac), ethernetField.src);
  for (const [at, type] of outer.types) view.setUint16(at, type);
  network.emit(view);
  view.setUint32(payload, PKTGEN_MAGIC);
  trailer.emit(view);

  return {
    frame,
    placements: [...outer.placements, ...udp.placements, ...network.placements],
    modifiers: [
      ...flowModifiers(config),
      ...macModifiers(config),
      ...outer.modifiers,
      ...udp.modifiers,
      ...network.modifiers,
      ...queueModifiers(config),
      ...trailer.modifiers,
    ],
    size: sizeRule(config),
    overhead: headerBytes(config) + overhead,
    fixups: {
      ...{ ip, l3, l4, payload },
      udpChecksum: (config.flag & FLAG.UDPCSUM) !== 0,
      timestamp: (config.flag & FLAG.NO_TIMESTAMP) === 0,
      ...(trailer.nsec !== undefined && { nsec: trailer.nsec }),
    },
    ...sealOf(config, ip, associations),
  };
}

/** IPsec goes by flows, which keep the association that they found; without flows packets leave as they are. */
function sealOf(config: DeviceConfig, ip: 4 | 6, all: readonly SecurityAssociation[]): { seal?: SealRule } {
  const { flag, flows, spi, ipsec_seq: sequence } = config;
  if ((flag & FLAG.IPSEC) === 0 || flows === 0) return {};
  const associations = candidates(all, ip, spi);
  return associations.length === 0 ? {} : { seal: { associations, spi, sequence: sequence !== 0 } };
}

/** The pktgen header, and behind it what the shortest packet has room for: its bytes from the start of the payload. */
function trailerOf(config: DeviceConfig, least: number, payload: number) {
  const { flow_tag: tag, timestamp_ns: timed, flows, flag } = config;
  const hasTag = tag !== 0 && least >= TAGGED_LEN;
  const hasTime = timed !== 0 && least >= TIMED_LEN && (flag & FLAG.NO_TIMESTAMP) === 0;
  const field: FrameField = { offset: payload + trailerField.flowTag, width: 2 };
  const modifiers: FieldModifier[] =
    hasTag && flows > 0 ? [{ kind: 'flow-tag', state: STATE.flowTag, field, first: tag }] : [];
  return {
    length: hasTime ? TIMED_LEN : hasTag ? TAGGED_LEN : PKTGEN_HEADER_LEN,
    emit(frame: DataView) {
      if (hasTag) frame.setUint16(field.offset, tag);
    },
    modifiers,
    nsec: hasTime ? payload + trailerField.nsec : undefined,
  };
}

function flowModifiers({ flows, flowlen, flag }: DeviceConfig): FieldModifier[] {
  const order = flag & FLAG.FLOW_SEQ ? 'walk' : 'random';
  return flows > 0 ? [{ kind: 'flow', flows, flowLen: flowlen, order }] : [];
}

/** Counted addresses; they are added to the configured one, which is zero where the link's is used. */
function macModifiers(config: DeviceConfig): FieldModifier[] {
  const rows = [
    {
      state: STATE.curSrcMacOffset,
      at: ethernetField.src,
      mac: config.src_mac,
      count: config.src_mac_count,
      random: 'MACSRC_RND',
    },
    {
      state: STATE.curDstMacOffset,
      at: ethernetField.dst,
      mac: config.dst_mac,
      count: config.dst_mac_count,
      random: 'MACDST_RND',
    },
  ] as const;
  return rows
    .filter(({ count }) => count > 1)
    .map(({ state, at, mac, count, random }) => {
      return { kind: 'mac-count', state, at, base: macBytes(mac), count, order: orderOf(config, random) };
    });
}

/** UDP: ports leave out the last of their range. */
function udpLayer(config: DeviceConfig, l4: number): Layer {
  const field = (offset: number): FrameField => ({ offset: l4 + offset, width: 2 });
  const ports = [
    {
      state: STATE.curUdpSrc,
      field: field(udpField.srcPort),
      min: config.udp_src_min,
      max: config.udp_src_max,
      random: 'UDPSRC_RND',
    },
    {
      state: STATE.curUdpDst,
      field: field(udpField.dstPort),
      min: config.udp_dst_min,
      max: config.udp_dst_max,
      random: 'UDPDST_RND',
    },
  ] as const;
  const includesMax = { walk: false, random: false };
  return {
    emit() {},
    placements: ports,
    modifiers: ports
      .filter(({ min, max }) => min < max)
      .map(({ random, ...port }) => ({
        kind: 'range',
        ...port,
        bits: 16,
        order: orderOf(config, random),
        includesMax,
      })),
  };
}

/** IPv4: walking addresses include the last of their range; with flows, a flow keeps its destination. */
function ipv4Layer(config: DeviceConfig, ranges: AddressRanges, l3: number): Layer {
  const field = (offset: number): FrameField => ({ offset: l3 + offset, width: 4 });
  const src = { state: STATE.curSrcAddr, field: field(ipv4Field.src) };
  const dst = { state: STATE.curDstAddr, field: field(ipv4Field.dst) };
  const range = { kind: 'range', bits: 32, includesMax: { walk: true, random: false } } as const;
  const perFlow = config.flows > 0;
  const modifiers: RangeModifier[] = [];
  if (ranges.srcMin < ranges.srcMax) {
    const order = orderOf(config, 'IPSRC_RND');
    modifiers.push({ ...range, ...src, min: ranges.srcMin, max: ranges.srcMax, order });
  }
  if (ranges.dstMin < ranges.dstMax || perFlow) {
    const order = orderOf(config, 'IPDST_RND');
    modifiers.push({ ...range, ...dst, min: ranges.dstMin, max: ranges.dstMax, order, unicast: true, perFlow });
  }
  return {
    emit(frame) {
      frame.setUint8(l3 + ipv4Field.versionIhl, 0x45);
      frame.setUint8(l3 + ipv4Field.tos, config.tos);
      frame.setUint8(l3 + ipv4Field.ttl, TTL);
      frame.setUint8(l3 + ipv4Field.protocol, IP_PROTOCOL.UDP);
    },
    placements: [src, dst],
    modifiers,
  };
}

/** IPv6: addresses stand still, but for destinations with random bits between dst6_min and dst6_max. */
function ipv6Layer(config: DeviceConfig, l3: number): Layer {
  const words = [0, 1, 2, 3];
  const place = (state: number, offset: number) =>
    words.map((i) => ({ state: state + i, field: { offset: l3 + offset + 4 * i, width: 4 } as const }));
  const dst = place(STATE.curDstAddr6, ipv6Field.dst);
  const min = new DataView(ipv6Bytes(config.dst6_min).buffer);
  const max = new DataView(ipv6Bytes(config.dst6_max).buffer);
  const bits = (i: number) => ({ set: min.getUint32(4 * i), keep: max.getUint32(4 * i), mark: 0, clear: 0, add: 0 });
  return {
    emit(frame) {
      frame.setUint32(l3 + ipv6Field.versionClassFlow, 0x6000_0000 | (config.traffic_class << 20));
      frame.setUint8(l3 + ipv6Field.nextHeader, IP_PROTOCOL.UDP);
      frame.setUint8(l3 + ipv6Field.hopLimit, TTL);
    },
    placements: [...place(STATE.curSrcAddr6, ipv6Field.src), ...dst],
    modifiers: config.dst6_min === '::' ? [] : dst.map((word, i) => ({ kind: 'random-bits', ...word, ...bits(i) })),
  };
}

/** The transmit queue, which is not in the packet. */
function queueModifiers(config: DeviceConfig): FieldModifier[] {
  const { queue_map_min: min, queue_map_max: max, flag } = config;
  if (min >= max || flag & FLAG.QUEUE_MAP_CPU) return [];
  const order = orderOf(config, 'QUEUE_MAP_RND');
  const includesMax = { walk: true, random: true };
  return [{ kind: 'range', state: STATE.curQueueMap, bits: 16, min, max, order, includesMax }];
}

function sizeRule(config: DeviceConfig): SizeRule {
  const { min_pkt_size: min, max_pkt_size: max, imix_weights: imix } = config;
  if (min < max) return { kind: orderOf(config, 'TXSIZE_RND'), min, max };
  if (imix.length > 0) return { kind: 'imix', sizes: imix.map((entry) => entry.size), table: imixTable(imix) };
  return { kind: 'fixed' };
}
