import { STATE } from '../template/device-state.ts';
import { inAton } from '../wire/ipv4-address.ts';
import type { CommandContext, CommandErrno, CommandOutcome } from './command.ts';
import { type StatePatch, TRANSMITTER_CHOICES } from './engine.ts';
import { FLAG, unknownFlag } from './flags.ts';
import { parseImix } from './imix.ts';
import { ipv6Bytes } from './kind.ts';
import { labelsKind, parseLabels } from './mpls-labels.ts';
import { type DeviceConfig, NO_VLAN, type ParamName } from './params.ts';
import { word } from './scan.ts';

/** Why a value that could be read is not taken: with an errno the write fails and says nothing. */
type Refusal = { readonly errno: CommandErrno } | { readonly result: string };

/** What a value changes besides its own row. */
interface Effect {
  readonly config?: Partial<DeviceConfig>;
  readonly patches?: readonly StatePatch[];
  /** Leaves the result as it was. */
  readonly quiet?: boolean;
}

/** What a parameter has to do with the others, the link and the state. Most have nothing. */
export interface ParamRule<T> {
  /** The result for a text that is no value, where the write succeeds all the same; without it such a write is EINVAL. */
  badText?(line: string, from: number): string;
  refuse?(value: T, on: CommandContext): Refusal | undefined;
  effect?(value: T, on: CommandContext): Effect;
  /** The whole command, for the few that fit no pattern. */
  run?(line: string, from: number, on: CommandContext): CommandOutcome;
}

const notSupported: Refusal = { errno: 'EOPNOTSUPP' };
const noMpls = { mpls: [] };
const noTags: Effect = { config: { vlan_id: NO_VLAN, svlan_id: NO_VLAN }, quiet: true };

/** The words of an IPv6 address in the state. */
function address6(at: number, address: string): StatePatch[] {
  const view = new DataView(ipv6Bytes(address).buffer);
  return [0, 1, 2, 3].map((i): StatePatch => [at + i, view.getUint32(4 * i)]);
}
/** Makes packets IPv6, and the address the current one. */
const ipv6Address = (at: number): ParamRule<string> => ({
  effect: (value, { config }) => ({ config: { flag: config.flag | FLAG.IPV6 }, patches: address6(at, value) }),
});
/** Sets state words when the value is a new one. */
const whenNew = <N extends ParamName>(
  name: N,
  patches: (value: DeviceConfig[N]) => StatePatch[],
): ParamRule<DeviceConfig[N]> => ({
  effect: (value, { config }) => (value === config[name] ? {} : { patches: patches(value) }),
});
/** A priority or CFI bit of a tag: wants the tag, and a value that fits. */
const tagBits = (name: string, largest: number, tag: 'vlan_id' | 'svlan_id'): ParamRule<number> => ({
  refuse: (value, { config }) =>
    value > largest || config[tag] === NO_VLAN ? { result: `ERROR: ${name} must be 0-${largest}` } : undefined,
});

/** The rules, by parameter. */
export const PARAM_RULES: { readonly [N in ParamName]?: ParamRule<DeviceConfig[N]> } = {
  min_pkt_size: whenNew('min_pkt_size', (size) => [[STATE.curPktSize, size]]),
  max_pkt_size: whenNew('max_pkt_size', (size) => [[STATE.curPktSize, size]]),
  imix_weights: {
    run: (line, from, on) => {
      if (on.config.clone_skb > 0) return { config: on.config, errno: 'EINVAL' };
      const { entries, errno } = parseImix(line, from);
      const patches = entries.flatMap((_, i): StatePatch[] => [
        [STATE.imixCounts + 2 * i, 0],
        [STATE.imixCounts + 2 * i + 1, 0],
      ]);
      return { config: { ...on.config, imix_weights: entries }, patches, ...(errno && { errno }) };
    },
  },
  dst_mac_count: whenNew('dst_mac_count', () => [[STATE.curDstMacOffset, 0]]),
  src_mac_count: whenNew('src_mac_count', () => [[STATE.curSrcMacOffset, 0]]),
  dst_min: whenNew('dst_min', (address) => [[STATE.curDstAddr, inAton(address)]]),
  dst_max: whenNew('dst_max', (address) => [[STATE.curDstAddr, inAton(address)]]),
  src_min: whenNew('src_min', (address) => [[STATE.curSrcAddr, inAton(address)]]),
  src_max: whenNew('src_max', (address) => [[STATE.curSrcAddr, inAton(address)]]),
  dst6: ipv6Address(STATE.curDstAddr6),
  dst6_min: ipv6Address(STATE.curDstAddr6),
  dst6_max: { effect: (_, { config }) => ({ config: { flag: config.flag | FLAG.IPV6 } }) },
  src6: ipv6Address(STATE.curSrcAddr6),
  udp_src_min: whenNew('udp_src_min', (port) => [[STATE.curUdpSrc, port]]),
  udp_src_max: whenNew('udp_src_max', (port) => [[STATE.curUdpSrc, port]]),
  udp_dst_min: whenNew('udp_dst_min', (port) => [[STATE.curUdpDst, port]]),
  udp_dst_max: whenNew('udp_dst_max', (port) => [[STATE.curUdpDst, port]]),
  mpls: {
    run: (line, from, on) => {
      const { labels, random, errno } = parseLabels(line, from);
      const flag = random ? on.config.flag | FLAG.MPLS_RND : on.config.flag;
      const config = { ...on.config, mpls: labels, flag };
      if (errno) return { config, errno };
      const tagsOff = labels.length > 0 && config.vlan_id !== NO_VLAN ? noTags.config : {};
      const patches = labels.map((label, i): StatePatch => [STATE.labels + i, label]);
      return { config: { ...config, ...tagsOff }, result: `OK: mpls=${labelsKind.format(labels)}`, patches };
    },
  },
  vlan_id: {
    effect: (id) => (id > 4095 ? noTags : { config: noMpls, patches: [[STATE.vlanId, id]] }),
  },
  vlan_p: tagBits('vlan_p', 7, 'vlan_id'),
  vlan_cfi: tagBits('vlan_cfi', 1, 'vlan_id'),
  svlan_id: {
    effect: (id, { config }) =>
      id > 4095 || config.vlan_id === NO_VLAN ? noTags : { config: noMpls, patches: [[STATE.svlanId, id]] },
  },
  svlan_p: tagBits('svlan_p', 7, 'svlan_id'),
  svlan_cfi: tagBits('svlan_cfi', 1, 'svlan_id'),
  tos: { badText: () => 'ERROR: tos must be 00-ff' },
  traffic_class: { badText: () => 'ERROR: traffic_class must be 00-ff' },
  clone_skb: {
    refuse: (times, { config, sharesSkb }) => {
      if (times === 0) return undefined;
      if (config.xmit_mode === 'netif_receive' || !sharesSkb) return notSupported;
      return config.imix_weights.length > 0 ? { errno: 'EINVAL' } : undefined;
    },
  },
  burst: {
    refuse: (times, { config: { xmit_mode }, sharesSkb }) =>
      times > 1 && (xmit_mode === 'queue_xmit' || (xmit_mode === 'start_xmit' && !sharesSkb))
        ? notSupported
        : undefined,
  },
  xmit_mode: {
    badText: (line, from) =>
      `xmit_mode -:${word(line, from, 31)}:- unknown\nAvailable modes: start_xmit, netif_receive\n`,
    refuse: (mode, { config }) => (mode === 'netif_receive' && config.clone_skb > 0 ? notSupported : undefined),
    effect: (mode) => (mode === 'start_xmit' ? {} : { patches: [[STATE.lastOk, 1]] }),
  },
  node: {
    refuse: (node, on) => (on.nodePossible(node) ? undefined : { result: 'ERROR: node not possible' }),
  },
  transmitter: {
    run: (line, from, on) => {
      const name = word(line, from, 31);
      const transmitter = TRANSMITTER_CHOICES.find((choice) => choice === name);
      if (transmitter) return { config: { ...on.config, transmitter }, result: `OK: transmitter=${transmitter}` };
      const result = `ERROR: transmitter "${name}": wants one of ${TRANSMITTER_CHOICES.join(', ')}`;
      return { config: on.config, result, errno: 'EINVAL' };
    },
  },
  flag: { badText: (line, from) => unknownFlag(word(line, from, 31)) },
};
