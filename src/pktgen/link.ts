import { ETHERNET_HEADER_LEN } from '../wire/ethernet.ts';
import { VLAN_TAG_LEN } from '../wire/vlan.ts';

/** What the model needs to know of a network link. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** IFLA_INFO_KIND: veth, bridge …; absent for a NIC. */
  readonly kind?: string;
  /** ARPHRD_ETHER. */
  readonly ethernet: boolean;
  /** netif_running(): the link is administratively up. */
  readonly up: boolean;
  /** netif_carrier_ok(). */
  readonly carrier: boolean;
  /** Its address as the kernel prints it. */
  readonly mac: string;
  readonly mtu: number;
  /** real_num_tx_queues. */
  readonly txQueues: number;
  /** IFF_TX_SKB_SHARING: a packet may be handed to it several times. */
  readonly sharesSkb: boolean;
  /** Its first IPv4 address, host order. */
  readonly ipv4?: number;
  /** Its first link-local IPv6 address that is not tentative. */
  readonly linkLocal?: string;
}

/** The longest frame that a link takes: its MTU, an Ethernet header and a VLAN tag (is_skb_forwardable). */
export const longestOnLink = (mtu: number): number => mtu + ETHERNET_HEADER_LEN + VLAN_TAG_LEN;

/** The link that a device name stands for: what is before an `@`. */
export const linkNameOf = (device: string): string => device.split('@', 1)[0] ?? device;

/** Kinds of links that cannot be handed a packet twice: they clear IFF_TX_SKB_SHARING, which netlink does not show. */
const NOT_SHARING: ReadonlySet<string> = new Set([
  'bond',
  'bridge',
  'erspan',
  'gretap',
  'hsr',
  'ifb',
  'ip6erspan',
  'ip6gretap',
  'ipvlan',
  'ipvtap',
  'macvlan',
  'macvtap',
  'team',
  'tun',
  'veth',
  'vlan',
]);

/** Whether a link of this kind (IFLA_INFO_KIND; undefined: a NIC) takes a packet several times. Loopback does not. */
export const kindSharesSkb = (kind: string | undefined, loopback: boolean): boolean =>
  !loopback && (kind === undefined || !NOT_SHARING.has(kind));
