import { ETHERNET_HEADER_LEN, ETHERTYPE, ethernetField } from '../wire/ethernet.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { MPLS_LABEL_LEN } from '../wire/mpls.ts';
import { PKTGEN_HEADER_LEN, PKTGEN_MAGIC, pktgenField } from '../wire/pktgen-header.ts';
import { UDP_HEADER_LEN } from '../wire/udp.ts';
import { VLAN_TAG_LEN, vlanField } from '../wire/vlan.ts';

/** Tags, labels and IPv6 extension headers that are looked through at most. */
export const MOST_TAGS = 2;
export const MOST_LABELS = 16;
export const MOST_EXTENSIONS = 6;
/** IPv6 extension headers of 8 bytes and more: hop-by-hop, routing, destination options (RFC 8200). */
export const EXTENSIONS: readonly number[] = [0, 43, 60];
export const FRAGMENT_HEADER = 44;
export const TAG_TYPES: readonly number[] = [ETHERTYPE.VLAN, ETHERTYPE.SVLAN];
export const MPLS_TYPES: readonly number[] = [ETHERTYPE.MPLS, 0x8848];
/** Marks a key whose sender has an outer VLAN, above the twelve bits of its id. */
export const HAS_VLAN = 0x1000;

/** What a frame is: one of ours, cut off before that could be seen, a part of a datagram, or somebody else's. */
export type Found =
  | {
      readonly kind: 'ours';
      /** The sender: the six bytes of its address, first byte lowest; above them HAS_VLAN and the outer VLAN's id. */
      readonly key: bigint;
      readonly seq: number;
      readonly sec: number;
      readonly usec: number;
    }
  | { readonly kind: 'truncated' | 'fragment' | 'foreign' };

const TRUNCATED: Found = { kind: 'truncated' };
const FRAGMENT: Found = { kind: 'fragment' };
const FOREIGN: Found = { kind: 'foreign' };

/** Looks for a pktgen header behind tags, labels, IPv4 or IPv6, and UDP; whatever wrote it. The XDP receiver does the same. */
export function findHeader(frame: Uint8Array): Found {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const { byteLength } = view;
  if (byteLength < ETHERNET_HEADER_LEN) return TRUNCATED;
  let key = 0n;
  for (let i = 0; i < 6; i++) key |= BigInt(view.getUint8(ethernetField.src + i)) << BigInt(8 * i);
  let type = view.getUint16(ethernetField.type);
  let at = ETHERNET_HEADER_LEN;
  for (let tags = 0; tags < MOST_TAGS && TAG_TYPES.includes(type); tags++) {
    if (byteLength < at + VLAN_TAG_LEN) return TRUNCATED;
    if (tags === 0) key |= BigInt(HAS_VLAN | (view.getUint16(at + vlanField.tci) & 0xfff)) << 48n;
    type = view.getUint16(at + vlanField.type);
    at += VLAN_TAG_LEN;
  }
  if (MPLS_TYPES.includes(type)) {
    let bottom = false;
    for (let labels = 0; labels < MOST_LABELS && !bottom; labels++) {
      if (byteLength < at + MPLS_LABEL_LEN) return TRUNCATED;
      bottom = (view.getUint8(at + 2) & 1) === 1;
      at += MPLS_LABEL_LEN;
    }
    if (!bottom) return FOREIGN;
    if (byteLength < at + 1) return TRUNCATED;
    const version = view.getUint8(at) >> 4;
    type = version === 4 ? ETHERTYPE.IPV4 : version === 6 ? ETHERTYPE.IPV6 : 0;
  }
  if (type === ETHERTYPE.IPV4) return inIpv4(view, at, key);
  return type === ETHERTYPE.IPV6 ? inIpv6(view, at, key) : FOREIGN;
}

function inIpv4(view: DataView, at: number, key: bigint): Found {
  if (view.byteLength < at + IPV4_HEADER_LEN) return TRUNCATED;
  const first = view.getUint8(at);
  const header = (first & 15) * 4;
  if (first >> 4 !== 4 || header < IPV4_HEADER_LEN) return FOREIGN;
  // More fragments, or an offset.
  if ((view.getUint16(at + ipv4Field.fragment) & 0x3fff) !== 0) return FRAGMENT;
  return view.getUint8(at + ipv4Field.protocol) === IP_PROTOCOL.UDP ? inUdp(view, at + header, key) : FOREIGN;
}

function inIpv6(view: DataView, from: number, key: bigint): Found {
  if (view.byteLength < from + IPV6_HEADER_LEN) return TRUNCATED;
  if (view.getUint8(from) >> 4 !== 6) return FOREIGN;
  let next = view.getUint8(from + ipv6Field.nextHeader);
  let at = from + IPV6_HEADER_LEN;
  for (let extensions = 0; extensions < MOST_EXTENSIONS && next !== IP_PROTOCOL.UDP; extensions++) {
    if (!EXTENSIONS.includes(next) && next !== FRAGMENT_HEADER) return FOREIGN;
    if (view.byteLength < at + 8) return TRUNCATED;
    // An offset, or more fragments.
    if (next === FRAGMENT_HEADER && (view.getUint16(at + 2) & 0xfff9) !== 0) return FRAGMENT;
    const length = next === FRAGMENT_HEADER ? 8 : (view.getUint8(at + 1) + 1) * 8;
    next = view.getUint8(at);
    at += length;
  }
  return next === IP_PROTOCOL.UDP ? inUdp(view, at, key) : FOREIGN;
}

function inUdp(view: DataView, from: number, key: bigint): Found {
  const at = from + UDP_HEADER_LEN;
  if (view.byteLength < at + PKTGEN_HEADER_LEN) return FOREIGN;
  if (view.getUint32(at + pktgenField.magic) !== PKTGEN_MAGIC) return FOREIGN;
  return {
    kind: 'ours',
    key,
    seq: view.getUint32(at + pktgenField.seq),
    sec: view.getUint32(at + pktgenField.sec),
    usec: view.getUint32(at + pktgenField.usec),
  };
}
