/** The flags of pkt_flag_names in the order of their bits, which is the order of a device file. */
export const FLAG_NAMES = [
  'IPV6',
  'IPSRC_RND',
  'IPDST_RND',
  'TXSIZE_RND',
  'UDPSRC_RND',
  'UDPDST_RND',
  'UDPCSUM',
  'NO_TIMESTAMP',
  'MPLS_RND',
  'QUEUE_MAP_RND',
  'QUEUE_MAP_CPU',
  'FLOW_SEQ',
  'IPSEC',
  'MACSRC_RND',
  'MACDST_RND',
  'VID_RND',
  'SVID_RND',
  'NODE',
] as const;
export type FlagName = (typeof FLAG_NAMES)[number];

/** What each flag does. */
export const FLAG_DOCS: { readonly [F in FlagName]: string } = {
  IPV6: 'Packets are IPv6: set by any IPv6 address, only to be cleared.',
  IPSRC_RND: 'IPv4 source addresses are drawn from src_min to below src_max.',
  IPDST_RND: 'IPv4 destination addresses are drawn from dst_min to below dst_max.',
  TXSIZE_RND: 'Sizes are drawn from min_pkt_size to below max_pkt_size.',
  UDPSRC_RND: 'Source ports are drawn from udp_src_min to below udp_src_max.',
  UDPDST_RND: 'Destination ports are drawn from udp_dst_min to below udp_dst_max.',
  UDPCSUM: 'Packets have a UDP checksum.',
  NO_TIMESTAMP: 'Packets carry no time.',
  MPLS_RND: 'Labels of MPLS entries are drawn.',
  QUEUE_MAP_RND: 'Transmit queues are drawn from queue_map_min to queue_map_max.',
  QUEUE_MAP_CPU: 'The transmit queue has the number of the CPU, as far as the link has queues.',
  FLOW_SEQ: 'Flows take turns, each for flowlen packets; without it (FLOW_RND) each packet draws its flow.',
  IPSEC: 'Packets of flows (flows 1 or more) for which there is a security association are put into ESP or AH.',
  MACSRC_RND: 'Source MAC addresses are drawn from src_mac_count of them.',
  MACDST_RND: 'Destination MAC addresses are drawn from dst_mac_count of them.',
  VID_RND: 'VLAN ids are drawn.',
  SVID_RND: 'Outer VLAN ids are drawn.',
  NODE: 'Packets lie in the memory of the NUMA node that node names, or of the node of the CPU.',
};

/** The bit of each flag, as `OK: flags=0x…` shows it. */
export const FLAG = Object.fromEntries(FLAG_NAMES.map((name, bit) => [name, 1 << bit])) as Record<FlagName, number>;

/** What an unknown flag is answered with; the list is the kernel's own and names NODE_ALLOC, which it does not take. */
const AVAILABLE =
  'IPSRC_RND, IPDST_RND, UDPSRC_RND, UDPDST_RND, MACSRC_RND, MACDST_RND, TXSIZE_RND, IPV6, MPLS_RND, VID_RND, SVID_RND, ' +
  'FLOW_SEQ, QUEUE_MAP_RND, QUEUE_MAP_CPU, UDPCSUM, NO_TIMESTAMP, IPSEC, NODE_ALLOC\n';

/** The text for a word that is no flag. */
export const unknownFlag = (word: string): string =>
  `Flag -:${word}:- unknown\nAvailable flags, (prepend ! to un-set flag):\n${AVAILABLE}`;

/**
 * Sets or (with `!`) clears the flag named in `word`; undefined when there is none of that name. IPV6 can only be
 * cleared, and FLOW_RND is FLOW_SEQ the other way round (pktgen_read_flag).
 */
export function applyFlag(flags: number, word: string): number | undefined {
  const clear = word.startsWith('!');
  const name = clear ? word.slice(1) : word;
  if (name === 'FLOW_RND') return clear ? flags | FLAG.FLOW_SEQ : flags & ~FLAG.FLOW_SEQ;
  if (!Object.hasOwn(FLAG, name) || (name === 'IPV6' && !clear)) return undefined;
  const bit = FLAG[name as FlagName];
  return clear ? flags & ~bit : flags | bit;
}

/** The flags' names, for JSON and help. */
export const flagNames = (flags: number): FlagName[] => FLAG_NAMES.filter((name) => (flags & FLAG[name]) !== 0);
