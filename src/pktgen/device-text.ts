import { progressOf, readU64, STATE } from '../template/device-state.ts';
import { formatIpv4 } from '../wire/ipv4-address.ts';
import { formatIpv6 } from '../wire/ipv6-address.ts';
import { FLAG, FLAG_NAMES } from './flags.ts';
import { formatLabels } from './mpls-labels.ts';
import { type DeviceConfig, NO_VLAN } from './params.ts';

/** What a device file shows. */
export interface DeviceView {
  /** The name it was added by, which a rename of the link does not change. */
  readonly name: string;
  readonly config: DeviceConfig;
  readonly state: Uint32Array;
  readonly linkMac: string;
  readonly result: string;
  /** ktime now, ns: shown as "stopped" while it runs. */
  readonly now: number;
}

const ZERO_MAC = '00:00:00:00:00:00';
const NO_ADDRESS = '::';

/** The file of a device, line by line as pktgen_if_show writes it: scripts parse this. */
export function deviceText({ name, config, state, linkMac, result, now }: DeviceView): string {
  const word = (at: number): number => state[at] ?? 0;
  const us = (at: number): string => micros(readU64(state, at));
  const running = word(STATE.running) === 1;
  const ipv6 = (config.flag & FLAG.IPV6) !== 0;
  const imix = config.imix_weights;
  const progress = progressOf(state);
  const lines = [
    `Params: count ${config.count}  min_pkt_size: ${config.min_pkt_size}  max_pkt_size: ${config.max_pkt_size}`,
    imix.length > 0 && `     imix_weights: ${imix.map((e) => `${e.size},${e.weight} `).join('')}`,
    `     frags: ${config.frags}  delay: ${config.delay}  clone_skb: ${config.clone_skb}  ifname: ${name}`,
    `     flows: ${config.flows} flowlen: ${config.flowlen}`,
    `     queue_map_min: ${config.queue_map_min}  queue_map_max: ${config.queue_map_max}`,
    config.skb_priority !== 0 && `     skb_priority: ${config.skb_priority}`,
    ...(ipv6
      ? [
          `     saddr: ${config.src6}  min_saddr: ${NO_ADDRESS}  max_saddr: ${NO_ADDRESS}`,
          `     daddr: ${config.dst6}  min_daddr: ${config.dst6_min}  max_daddr: ${config.dst6_max}`,
        ]
      : [
          `     dst_min: ${config.dst_min}  dst_max: ${config.dst_max}`,
          `     src_min: ${config.src_min}  src_max: ${config.src_max}`,
        ]),
    `     src_mac: ${config.src_mac === ZERO_MAC ? linkMac : config.src_mac} dst_mac: ${config.dst_mac}`,
    `     udp_src_min: ${config.udp_src_min}  udp_src_max: ${config.udp_src_max}` +
      `  udp_dst_min: ${config.udp_dst_min}  udp_dst_max: ${config.udp_dst_max}`,
    `     src_mac_count: ${config.src_mac_count | 0}  dst_mac_count: ${config.dst_mac_count | 0}`,
    config.mpls.length > 0 && `     mpls: ${formatLabels(config.mpls, ', ')}`,
    config.vlan_id !== NO_VLAN &&
      `     vlan_id: ${config.vlan_id}  vlan_p: ${config.vlan_p}  vlan_cfi: ${config.vlan_cfi}`,
    config.svlan_id !== NO_VLAN &&
      `     svlan_id: ${config.svlan_id}  vlan_p: ${config.svlan_p}  vlan_cfi: ${config.svlan_cfi}`,
    config.tos !== 0 && `     tos: 0x${hex2(config.tos)}`,
    config.traffic_class !== 0 && `     traffic_class: 0x${hex2(config.traffic_class)}`,
    config.burst > 1 && `     burst: ${config.burst | 0}`,
    config.node >= 0 && `     node: ${config.node}`,
    config.xmit_mode === 'netif_receive' && '     xmit_mode: netif_receive',
    config.xmit_mode === 'queue_xmit' && '     xmit_mode: xmit_queue',
    `     Flags: ${flagsText(config)}`,
    config.flow_tag !== 0 && `     flow_tag: ${config.flow_tag}`,
    config.timestamp_ns !== 0 && `     timestamp_ns: ${config.timestamp_ns}`,
    config.ipsec_seq !== 0 && `     ipsec_seq: ${config.ipsec_seq}`,
    `     transmitter: ${config.transmitter}`,
    'Current:',
    `     pkts-sofar: ${progress.packets}  errors: ${progress.errors}`,
    imix.length > 0 &&
      `     imix_size_counts: ${imix.map((e, i) => `${e.size},${readU64(state, STATE.imixCounts + 2 * i)} `).join('')}`,
    `     started: ${us(STATE.startedAt)}us  stopped: ${running ? micros(now) : us(STATE.stoppedAt)}us idle: ${us(STATE.idle)}us`,
    `     seq_num: ${word(STATE.seqNum) | 0}  cur_dst_mac_offset: ${word(STATE.curDstMacOffset) | 0}` +
      `  cur_src_mac_offset: ${word(STATE.curSrcMacOffset) | 0}`,
    ipv6
      ? `     cur_saddr: ${address6(state, STATE.curSrcAddr6)}  cur_daddr: ${address6(state, STATE.curDstAddr6)}`
      : `     cur_saddr: ${formatIpv4(word(STATE.curSrcAddr))}  cur_daddr: ${formatIpv4(word(STATE.curDstAddr))}`,
    `     cur_udp_dst: ${word(STATE.curUdpDst)}  cur_udp_src: ${word(STATE.curUdpSrc)}`,
    `     cur_queue_map: ${word(STATE.curQueueMap)}`,
    `     flows: ${word(STATE.flowsSeen)}`,
    `Result: ${result || 'Idle'}`,
  ];
  return `${lines.filter((line) => line !== false).join('\n')}\n`;
}

const micros = (ns: number): string => String(Math.floor(ns / 1000));
const hex2 = (value: number): string => value.toString(16).padStart(2, '0');

function address6(state: Uint32Array, at: number): string {
  const view = new DataView(new ArrayBuffer(16));
  for (let i = 0; i < 4; i++) view.setUint32(4 * i, state[at + i] ?? 0);
  return formatIpv6(new Uint8Array(view.buffer));
}

/** Names of the flags, two spaces after each. With flows, FLOW_SEQ or its opposite is always named; IPSEC with its spi. */
function flagsText({ flag, flows, spi }: DeviceConfig): string {
  const words = FLAG_NAMES.map((name) => {
    if (name === 'FLOW_SEQ') return flows === 0 ? '' : flag & FLAG.FLOW_SEQ ? 'FLOW_SEQ  ' : 'FLOW_RND  ';
    if ((flag & FLAG[name]) === 0) return '';
    return name === 'IPSEC' && spi !== 0 ? `IPSEC  spi:${spi}  ` : `${name}  `;
  });
  return words.join('');
}
