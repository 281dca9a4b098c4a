import type { SecurityAssociation } from '../../src/ipsec/security-association.ts';
import { FLAG_NAMES, type FlagName } from '../../src/pktgen/flags.ts';
import { PARAM_ROWS } from '../../src/pktgen/params.ts';
import type { SHORTCUTS } from '../../src/pktgen/shortcuts.ts';
import { association } from './ipsec.ts';

/** A configuration of which is measured how each transmitter sends it. */
export interface TransmitterCase {
  /** What it is about: a parameter, a flag or a shortcut; with its value where that decides. */
  readonly name: string;
  /** Lines for the device file. */
  readonly lines: readonly string[];
}

/** The null cipher and an ICV: packets of an association are the same whoever seals them. */
export const ASSOCIATIONS: readonly SecurityAssociation[] = [
  association(4, {
    spi: 256,
    crypt: { name: 'ecb(cipher_null)', key: new Uint8Array(0) },
    auth: { name: 'hmac(sha1)', key: new Uint8Array(20).fill(7), truncBits: 96 },
  }),
];
const SEALED = ['flag IPSEC', 'flows 1', 'src_min 10.9.0.1', 'dst_min 10.9.0.2'];

/** Lines without which the example of a parameter shows in no packet. */
const BESIDES: Readonly<Record<string, readonly string[]>> = {
  node: ['flag NODE'],
  spi: SEALED,
  ipsec_seq: SEALED,
};

/** Of a short delay, so that the run lasts a while: the first packets are out of step. */
const PACED = 'count 1000';

/** Where the value decides who can do it: these instead of the example. A shortcut has its example here. */
const VALUES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  delay: [[PACED, 'delay 50000'], ['delay 1000000']],
  burst: [['burst 2'], ['xmit_mode netif_receive', 'burst 2']],
  clone_skb: [['clone_skb 2']],
  xmit_mode: [['xmit_mode start_xmit'], ['xmit_mode netif_receive'], ['xmit_mode queue_xmit']],
  queue_map_min: [
    ['queue_map_min 2', 'queue_map_max 2'],
    ['queue_map_min 0', 'queue_map_max 3'],
  ],
  queue_map_max: [['queue_map_max 3']],
  frags: [
    ['frags 1', 'pkt_size 1000'],
    ['frags 2', 'pkt_size 1000'],
  ],
  rate: [[PACED, 'pkt_size 1000', 'rate 100']],
  ratep: [[PACED, 'ratep 20000'], ['ratep 1000']],
};

const SHORTCUT_LINES: Readonly<Record<keyof typeof SHORTCUTS, readonly string[]>> = {
  pkt_size: ['pkt_size 100'],
  rate: [],
  ratep: [],
  debug: ['debug 1'],
  clear_counters: ['clear_counters'],
};

const FLAG_LINES: Readonly<Record<FlagName, readonly string[]>> = {
  IPV6: ['src6 fd00::1', 'dst6 fd00::2'],
  IPSRC_RND: ['src_min 198.18.1.1', 'src_max 198.18.1.99'],
  IPDST_RND: ['dst_min 198.18.0.1', 'dst_max 198.18.0.99'],
  TXSIZE_RND: ['min_pkt_size 60', 'max_pkt_size 999'],
  UDPSRC_RND: ['udp_src_min 1000', 'udp_src_max 2000'],
  UDPDST_RND: ['udp_dst_min 1000', 'udp_dst_max 2000'],
  UDPCSUM: ['src_min 198.18.1.1', 'dst_min 198.18.0.1'],
  NO_TIMESTAMP: [],
  MPLS_RND: ['mpls 0001010a,0002010a'],
  QUEUE_MAP_RND: ['queue_map_max 3'],
  QUEUE_MAP_CPU: [],
  FLOW_SEQ: ['flows 4', 'flowlen 2', 'dst_min 198.18.0.1', 'dst_max 198.18.0.9'],
  IPSEC: SEALED.slice(1),
  MACSRC_RND: ['src_mac 02:00:00:00:00:20', 'src_mac_count 99'],
  MACDST_RND: ['dst_mac 02:00:00:00:00:20', 'dst_mac_count 99'],
  VID_RND: ['vlan_id 7'],
  SVID_RND: ['vlan_id 7', 'svlan_id 100'],
  NODE: ['node 0'],
};

/** Rows that are not measured by themselves: flags are, one by one, and the transmitter is the column. */
const NOT_HERE: ReadonlySet<string> = new Set(['flag', 'transmitter']);

const valuesOf = (name: string): TransmitterCase[] | undefined =>
  VALUES[name]?.map((lines) => ({ name: lines.filter((line) => line !== PACED).join(', '), lines }));

/** Every parameter, flag and shortcut. */
export const TRANSMITTER_CASES: readonly TransmitterCase[] = [
  ...[...PARAM_ROWS]
    .filter(([name]) => !NOT_HERE.has(name))
    .flatMap(([name, { example }]) => valuesOf(name) ?? [{ name, lines: [...(BESIDES[name] ?? []), ...example] }]),
  ...Object.entries(SHORTCUT_LINES).flatMap(([name, lines]) => valuesOf(name) ?? [{ name, lines }]),
  // IPV6 is set by an address, and can only be cleared.
  ...FLAG_NAMES.map((name) => ({
    name: `flag ${name}`,
    lines: [...FLAG_LINES[name], ...(name === 'IPV6' ? [] : [`flag ${name}`])],
  })),
];
