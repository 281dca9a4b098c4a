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
    example: ['count 2'],
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
    example: ['delay 1000000'],
  }),
  min_pkt_size: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'size',
    unit: 'bytes',
    doc: 'Smallest frame, without FCS. A frame has at least 58 bytes (IPv6: 78), whatever is set.',
    example: ['min_pkt_size 60', 'max_pkt_size 62'],
    clamp: atLeastMinSize,
  }),
  max_pkt_size: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'size',
    unit: 'bytes',
    doc: 'Largest frame, without FCS. Above the smallest, sizes walk from one to the other (or are random: TXSIZE_RND).',
    example: ['min_pkt_size 100', 'max_pkt_size 200', 'flag TXSIZE_RND'],
    clamp: atLeastMinSize,
  }),
  imix_weights: param<readonly ImixEntry[]>({
    kind: imixKind,
    initial: [],
    group: 'size',
    doc: 'Sizes and their weights, at most 20: "64,7 570,4 1518,1". Not together with clone_skb.',
    example: ['imix_weights 64,7 570,4 1518,1'],
  }),
  dst_mac: param({
    kind: mac,
    initial: '00:00:00:00:00:00',
    group: 'addresses',
    doc: 'Destination MAC address.',
    example: ['dst_mac 02:00:00:00:00:02'],
    echo: (value) => `dstmac ${value}`,
  }),
  src_mac: param({
    kind: mac,
    initial: '00:00:00:00:00:00',
    group: 'addresses',
    doc: "Source MAC address; all zero: the link's own.",
    example: ['src_mac 02:00:00:00:00:03'],
    echo: (value) => `srcmac ${value}`,
  }),
  dst_mac_count: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'addresses',
    doc: 'Destination MAC addresses to go through, counted up from dst_mac.',
    example: ['dst_mac 02:00:00:00:00:10', 'dst_mac_count 3'],
  }),
  src_mac_count: param({
    kind: decimal(10, 'u32', 's32'),
    initial: 0,
    group: 'addresses',
    doc: 'Source MAC addresses to go through, counted up from src_mac.',
    example: ['src_mac 02:00:00:00:00:20', 'src_mac_count 3'],
  }),
  dst_min: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: 'First IPv4 destination address.',
    example: ['dst_min 198.18.0.1'],
  }),
  dst_max: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: 'Last IPv4 destination address; above dst_min the addresses are gone through, or drawn (IPDST_RND).',
    example: ['dst_min 198.18.0.1', 'dst_max 198.18.0.9'],
  }),
  src_min: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: "First IPv4 source address; unset: the link's first address.",
    example: ['src_min 198.18.1.1'],
  }),
  src_max: param({
    kind: text(31, 'ADDRESS'),
    initial: '',
    group: 'addresses',
    doc: 'Last IPv4 source address.',
    example: ['src_min 198.18.1.1', 'src_max 198.18.1.9'],
  }),
  dst6: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: 'IPv6 destination address. Any IPv6 parameter makes the packets IPv6.',
    example: ['dst6 fd00::2'],
  }),
  dst6_min: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: 'Bits that random IPv6 destination addresses all have: address = (random | dst6_min) & dst6_max.',
    example: ['dst6 fd00::2', 'dst6_min fd00::', 'dst6_max fd00::ffff'],
  }),
  dst6_max: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: 'Bits that random IPv6 destination addresses may have.',
    example: ['dst6 fd00::2', 'dst6_min fd00::', 'dst6_max fd00::ff'],
  }),
  src6: param({
    kind: ipv6,
    initial: '::',
    group: 'addresses',
    doc: "IPv6 source address; unset: the link's link-local one.",
    example: ['src6 fd00::1', 'dst6 fd00::2'],
  }),
  udp_src_min: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'First UDP source port.',
    example: ['udp_src_min 1000', 'udp_src_max 1001'],
  }),
  udp_src_max: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'UDP source ports go from the first up to, but not including, this one (UDPSRC_RND: drawn).',
    example: ['udp_src_min 1000', 'udp_src_max 2000'],
  }),
  udp_dst_min: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'First UDP destination port.',
    example: ['udp_dst_min 53', 'udp_dst_max 53'],
  }),
  udp_dst_max: param({
    kind: decimal(10, 'u16'),
    initial: 9,
    group: 'ports',
    doc: 'UDP destination ports go from the first up to, but not including, this one (UDPDST_RND: drawn).',
    example: ['udp_dst_min 1000', 'udp_dst_max 2000', 'flag UDPDST_RND'],
  }),
  flows: param({
    kind: decimal(10, 'u64'),
    initial: 0,
    group: 'flows',
    doc: 'Concurrent flows, at most 65536; a flow keeps its IPv4 destination. 0: no flows.',
    example: ['flows 2', 'flowlen 1', 'flag FLOW_SEQ', 'dst_min 198.18.0.1', 'dst_max 198.18.0.9'],
    clamp: (value) => Math.min(value, MAX_FLOWS),
  }),
  flowlen: param({
    kind: decimal(10, 'u32'),
    initial: 0,
    group: 'flows',
    unit: 'packets',
    doc: 'Packets of a flow before it begins anew.',
    example: ['flows 4', 'flowlen 2', 'flag FLOW_SEQ', 'dst_min 198.18.0.1', 'dst_max 198.18.0.9'],
  }),
  flow_tag: param({
    kind: decimal(5, 'u16'),
    initial: 0,
    group: 'flows',
    doc: 'Tag of 16 bits behind the pktgen header, by which a receiver tells flows apart; 0: none. With flows, that of the first: flow i has flow_tag + i, and sequence numbers of its own. Not a parameter of the kernel.',
    example: ['pkt_size 60', 'flow_tag 7'],
  }),
  timestamp_ns: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'flows',
    doc: '1: the nanoseconds that the timestamp leaves out stand behind the flow tag, for latency in ns. Not a parameter of the kernel.',
    example: ['pkt_size 62', 'timestamp_ns 1'],
    clamp: (value) => Math.min(value, 1),
  }),
  mpls: param<readonly number[]>({
    kind: labelsKind,
    initial: [],
    group: 'tags',
    doc: 'MPLS label stack entries in hex, at most 16; 0x100 set in one asks for random labels (MPLS_RND). Switches VLAN off.',
    example: ['mpls 0001000a,0002000a'],
  }),
  vlan_id: param({
    kind: decimal(4, 'u16'),
    initial: NO_VLAN,
    group: 'tags',
    doc: 'VLAN id, 0 to 4095; above: no tags. Switches MPLS off.',
    example: ['vlan_id 7'],
  }),
  vlan_p: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'VLAN priority, 0 to 7.',
    example: ['vlan_id 7', 'vlan_p 5'],
  }),
  vlan_cfi: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'VLAN canonical format indicator (drop eligible), 0 or 1.',
    example: ['vlan_id 7', 'vlan_cfi 1'],
  }),
  svlan_id: param({
    kind: decimal(4, 'u16'),
    initial: NO_VLAN,
    group: 'tags',
    doc: 'Id of an outer VLAN tag (service VLAN), 0 to 4095; wants vlan_id. Above: no tags.',
    example: ['vlan_id 7', 'svlan_id 100'],
  }),
  svlan_p: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'Outer VLAN priority, 0 to 7.',
    example: ['vlan_id 7', 'svlan_id 100', 'svlan_p 3'],
  }),
  svlan_cfi: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'tags',
    doc: 'Outer VLAN canonical format indicator, 0 or 1.',
    example: ['vlan_id 7', 'svlan_id 100', 'svlan_cfi 1'],
  }),
  tos: param({
    kind: hexByte,
    initial: 0,
    group: 'tags',
    doc: 'IPv4 type of service: two hex digits.',
    example: ['tos b8'],
  }),
  traffic_class: param({
    kind: hexByte,
    initial: 0,
    group: 'tags',
    doc: 'IPv6 traffic class: two hex digits.',
    example: ['dst6 fd00::2', 'traffic_class b8'],
  }),
  clone_skb: param({
    kind: decimal(10, 's32'),
    initial: 0,
    group: 'sending',
    doc: 'Times a packet is sent before the next is made. Only on links that share buffers (not on veth, bridge, tap).',
    example: ['clone_skb 2'],
  }),
  burst: param({
    kind: decimal(10, 'u32'),
    initial: 1,
    group: 'sending',
    unit: 'packets',
    doc: 'Times a packet is handed over at once. Only on links that share buffers, or with xmit_mode netif_receive.',
    example: ['burst 2'],
    clamp: (value) => Math.max(value, 1),
  }),
  xmit_mode: param({
    kind: oneOf('start_xmit', 'netif_receive', 'queue_xmit'),
    initial: 'start_xmit',
    group: 'sending',
    doc: 'Where packets enter the stack: at the driver, at the receiving side, at the queueing discipline.',
    example: ['xmit_mode queue_xmit'],
  }),
  queue_map_min: param({
    kind: decimal(5, 'u16'),
    initial: 0,
    group: 'sending',
    doc: 'First transmit queue. Queues other than that of the CPU are chosen exactly by AF_XDP.',
    example: ['queue_map_min 0', 'queue_map_max 3'],
  }),
  queue_map_max: param({
    kind: decimal(5, 'u16'),
    initial: 0,
    group: 'sending',
    doc: 'Last transmit queue.',
    example: ['queue_map_max 3', 'flag QUEUE_MAP_RND'],
  }),
  skb_priority: param({
    kind: decimal(9, 'u32'),
    initial: 0,
    group: 'sending',
    doc: 'Priority that the queueing discipline sees (xmit_mode queue_xmit).',
    example: ['xmit_mode queue_xmit', 'skb_priority 5'],
  }),
  transmitter: param<TransmitterChoice>({
    kind: oneOf(...TRANSMITTER_CHOICES),
    initial: 'auto',
    group: 'sending',
    doc: 'How to send: live (frames made by eBPF in the kernel), xsk (AF_XDP that copies), xsk_zc (AF_XDP whose packets the driver reads where they lie; takes the receive side of its queues), ring (AF_PACKET), null (nowhere); auto: the fastest that does what is asked for on this link. Not a parameter of the kernel.',
    example: ['transmitter ring'],
  }),
  frags: param({
    kind: decimal(10, 's32'),
    initial: 0,
    group: 'sending',
    doc: 'Fragments that a packet is handed over in, at most 17; its bytes are the same.',
    example: ['frags 2', 'pkt_size 1000'],
  }),
  node: param({
    kind: decimal(10, 's32'),
    initial: -1,
    group: 'sending',
    doc: 'NUMA node of the packets (flag NODE).',
    example: ['node 0'],
  }),
  spi: param({
    kind: decimal(10, 'u32'),
    initial: 0,
    group: 'other',
    doc: 'Security parameter index of the IPsec association to take, in any mode, ESP or AH (flag IPSEC); 0: that of transport mode ESP between the addresses of the packet.',
    example: ['spi 256'],
  }),
  ipsec_seq: param({
    kind: decimal(1, 'u16'),
    initial: 0,
    group: 'other',
    doc: '1: packets of IPsec carry sequence numbers that count on from those of the association, and IVs of their own, as receivers want them; 0: number 0 and one IV, as the kernel sends them. Not a parameter of the kernel.',
    example: ['ipsec_seq 1'],
    clamp: (value) => Math.min(value, 1),
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
    example: ['flag UDPCSUM'],
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
