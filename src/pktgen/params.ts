import { MAX_FLOWS } from '../template/flow-table.ts';
import { TRANSMITTER_CHOICES, type TransmitterChoice } from './engine.ts';
import { applyFlag, flagNames } from './flags.ts';
import { type ImixEntry, imixKind, MIN_SIZE } from './imix.ts';
import { decimal, hexByte, ipv6, mac, oneOf, text } from './kind.ts';
import { labelsKind } from './mpls-labels.ts';
import type { Param } from './param.ts';
import { word } from './scan.ts';

const param = <T>(row: Param<T>): Param<T> => row;

/** A VLAN id that means: no tag. */
export const NO_VLAN = 0xffff;
/** A delay that means: never send (ULLONG_MAX), as `delay 2147483647` sets it. */
export const NEVER = 0xffff_ffff_ffff_ffffn;

const atLeastMinSize = (size: number): number => Math.max(size, MIN_SIZE);

/** Every parameter of a device. A device's configuration, the parser, help, options and documentation come from here. */
export const DEVICE_PARAMS = {
  count: param({
    kind: decimal(10, 'u64'),
    initial: 1000,
    group: 'run',
    unit: 'packets',
    doc: 'Packets to send; 0: until stopped.',
  }),
  delay: param({
    kind: {
      placeholder: 'N',
      parse: (line, from) => {
        const ns = decimal(10, 'u64').parse(line, from, 0) ?? 0;
        return ns === 0x7fffffff ? NEVER : BigInt(ns);
      },
      format: String,
      schema: { type: 'integer', minimum: 0 },
    },
    initial: 0n,
    group: 'run',
    unit: 'ns',
    doc: 'Time from packet to packet; 0: as fast as possible; 2147483647: never.',
  }),
  min_pkt_size: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'size',
    unit: 'bytes',
    doc: 'Smallest frame, without FCS. A frame has at least 58 bytes (IPv6: 78), whatever is set.',
    clamp: atLeastMinSize,
  }),
  max_pkt_size: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'size',
    unit: 'bytes',
    doc: 'Largest frame, without FCS. Above the smallest, sizes walk from one to the other (or are random: TXSIZE_RND).',
    clamp: atLeastMinSize,
  }),
  imix_weights: param<readonly ImixEntry[]>({
    kind: imixKind,
    initial: [],
    group: 'size',
    doc: 'Sizes and their weights, at most 20: "64,7 570,4 1518,1". Not together with clone_skb.',
  }),
  dst_mac: param({
    kind: mac,
    initial: '00:00:00:00:00:00',
    group: 'addresses',
    doc: 'Destination MAC address.',
    echo: (value) => `dstmac ${value}`,
  }),
  src_mac: param({
    kind: mac,
    initial: '00:00:00:00:00:00',
    group: 'addresses',
    doc: "Source MAC address; all zero: the link's own.",
    echo: (value) => `srcmac ${value}`,
  }),
  dst_mac_count: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'addresses',
    doc: 'Destination MAC addresses to go through, counted up from dst_mac.',
  }),
  src_mac_count: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'addresses',
    doc: 'Source MAC addresses to go through, counted up from src_mac.',
  }),
  dst_min: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: 'First IPv4 destination address.',
  }),
  dst_max: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: 'Last IPv4 destination address; above dst_min the addresses are gone through, or drawn (IPDST_RND).',
  }),
  src_min: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: "First IPv4 source address; unset: the link's first address.",
  }),
  src_max: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: 'Last IPv4 source address.',
  }),
  dst6: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: 'IPv6 destination address. Any IPv6 parameter makes the packets IPv6.',
  }),
  dst6_min: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: 'Bits that random IPv6 destination addresses all have: address = (random | dst6_min) & dst6_max.',
  }),
  dst6_max: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: 'Bits that random IPv6 destination addresses may have.',
  }),
  src6: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: "IPv6 source address; unset: the link's link-local one.",
  }),
  udp_src_min: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'First UDP source port.',
  }),
  udp_src_max: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'UDP source ports go from the first up to, but not including, this one (UDPSRC_RND: drawn).',
  }),
  udp_dst_min: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'First UDP destination port.',
  }),
  udp_dst_max: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'UDP destination ports go from the first up to, but not including, this one (UDPDST_RND: drawn).',
  }),
  flows: param({
    kind: decimal(10, 'u64'),
    initial: 0,
    group: 'flows',
    doc: 'Concurrent flows, at most 65536; a flow keeps its IPv4 destination. 0: no flows.',
    clamp: (value) => Math.min(value, MAX_FLOWS),
  }),
  flowlen: param({
    kind: decimal(10, 'u32'),
    initial: 0,
    group: 'flows',
    unit: 'packets',
    doc: 'Packets of a flow before it begins anew.',
  }),
  flow_tag: param({
    kind: decimal(5, 'u16'),
    initial: 0,
    group: 'flows',
    doc: 'Tag of 16 bits behind the pktgen header, by which a receiver tells flows apart; 0: none. With flows, that of the first: flow i has flow_tag + i, and sequence numbers of its own. Not a parameter of the kernel.',
  }),
  timestamp_ns: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'flows',
    doc: '1: the nanoseconds that the timestamp leaves out stand behind the flow tag, for latency in ns. Not a parameter of the kernel.',
    clamp: (value) => Math.min(value, 1),
  }),
  mpls: param<readonly number[]>({
    kind: labelsKind,
    initial: [],
    group: 'tags',
    doc: 'MPLS label stack entries in hex, at most 16; 0x100 set in one asks for random labels (MPLS_RND). Switches VLAN off.',
  }),
  vlan_id: param({
    kind: decimal(4, 'u16'),
    initial: NO_VLAN,
    group: 'tags',
    doc: 'VLAN id, 0 to 4095; above: no tags. Switches MPLS off.',
  }),
  vlan_p: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'VLAN priority, 0 to 7.',
  }),
  vlan_cfi: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'VLAN canonical format indicator (drop eligible), 0 or 1.',
  }),
  svlan_id: param({
    kind: decimal(4, 'u16'),
    initial: NO_VLAN,
    group: 'tags',
    doc: 'Id of an outer VLAN tag (service VLAN), 0 to 4095; wants vlan_id. Above: no tags.',
  }),
  svlan_p: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'Outer VLAN priority, 0 to 7.',
  }),
  svlan_cfi: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'Outer VLAN canonical format indicator, 0 or 1.',
  }),
  tos: param({
    kind: hexByte,
    initial: 0,
    group: 'tags',
    doc: 'IPv4 type of service: two hex digits.',
  }),
  traffic_class: param({
    kind: hexByte,
    initial: 0,
    group: 'tags',
    doc: 'IPv6 traffic class: two hex digits.',
  }),
  clone_skb: param({
    kind: decimal(10, 's32'),
    initial: 0,
    group: 'sending',
    doc: 'Times a packet is sent before the next is made. Only on links that share buffers (not on veth, bridge, tap).',
  }),
  burst: param({
    kind: decimal(10, 'u32'),
    initial: 1,
    group: 'sending',
    unit: 'packets',
    doc: 'Times a packet is handed over at once. Only on links that share buffers, or with xmit_mode netif_receive.',
    clamp: (value) => Math.max(value, 1),
  }),
  xmit_mode: param({
    kind: oneOf('start_xmit', 'netif_receive', 'queue_xmit'),
    initial: 'start_xmit',
    group: 'sending',
    doc: 'Where packets enter the stack: at the driver, at the receiving side, at the queueing discipline.',
  }),
  queue_map_min: param({ kind: decimal(5, 'u16'), initial: 0, group: 'sending', doc: 'First transmit queue.' }),
  queue_map_max: param({ kind: decimal(5, 'u16'), initial: 0, group: 'sending', doc: 'Last transmit queue.' }),
  skb_priority: param({
    kind: decimal(9, 'u32'),
    initial: 0,
    group: 'sending',
    doc: 'Priority that the queueing discipline sees (xmit_mode queue_xmit).',
  }),
  transmitter: param<TransmitterChoice>({
    kind: oneOf(...TRANSMITTER_CHOICES),
    initial: 'auto',
    group: 'sending',
    doc: 'How to send: live (frames made by eBPF in the kernel), ring (AF_PACKET), null (nowhere); auto: the fastest that the link and the configuration allow. Not a parameter of the kernel.',
  }),
  frags: param({
    kind: decimal(10, 's32'),
    initial: 0,
    group: 'sending',
    doc: 'Fragments that a packet is handed over in; its bytes are the same.',
  }),
  node: param({
    kind: decimal(10, 's32'),
    initial: -1,
    group: 'sending',
    doc: 'NUMA node of the packets (flag NODE).',
  }),
  spi: param({
    kind: decimal(10, 'u32'),
    initial: 0,
    group: 'other',
    doc: 'IPsec security association to use (flag IPSEC).',
  }),
  flag: param<number>({
    kind: {
      placeholder: '[!]FLAG',
      parse: (line, from, previous) => applyFlag(previous, word(line, from, 31)),
      format: (flags) => `0x${flags.toString(16)}`,
      schema: { type: 'integer' },
    },
    initial: 0,
    group: 'flags',
    doc: 'Sets a flag, or clears it with ! before its name.',
    echo: (flags) => `flags=0x${flags.toString(16)}`,
  }),
} satisfies Record<string, Param<unknown>>;

/** A parameter's name, as people write it. */
export type ParamName = keyof typeof DEVICE_PARAMS;

/** A device's configuration: its type comes from the table. */
export type DeviceConfig = {
  readonly [N in ParamName]: (typeof DEVICE_PARAMS)[N] extends Param<infer T> ? T : never;
};

/** The rows by name. */
export const PARAM_ROWS: ReadonlyMap<string, Param<unknown>> = new Map(Object.entries(DEVICE_PARAMS));

/** What the module's parameters pg_count_d, pg_delay_d and pg_clone_skb_d give a new device. */
export interface ModuleDefaults {
  readonly count: number;
  readonly delayNs: number;
  readonly cloneSkb: number;
}

/** The configuration of a new device. */
export function newDeviceConfig(defaults: ModuleDefaults, sharesSkb: boolean): DeviceConfig {
  const initial = Object.fromEntries([...PARAM_ROWS].map(([name, row]) => [name, row.initial])) as DeviceConfig;
  return {
    ...initial,
    count: defaults.count,
    delay: BigInt(defaults.delayNs),
    clone_skb: sharesSkb ? defaults.cloneSkb : 0,
  };
}

/** The configuration's flags by name. */
export const configFlags = (config: DeviceConfig): string[] => flagNames(config.flag);
