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
