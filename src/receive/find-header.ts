import { ETHERNET_HEADER_LEN, ETHERTYPE, ethernetField } from '../wire/ethernet.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { MPLS_LABEL_LEN } from '../wire/mpls.ts';
import {
  PKTGEN_HEADER_LEN,
  PKTGEN_MAGIC,
  pktgenField,
  TAGGED_LEN,
  TIMED_LEN,
  trailerField,
} from '../wire/pktgen-header.ts';
import { UDP_HEADER_LEN, udpField } from '../wire/udp.ts';
import { VLAN_TAG_LEN, vlanField } from '../wire/vlan.ts';
import { FLOW_KEY_LEN, type FlowField, flowKeyField, HAS_VLAN, IPV4_MAPPED, keyLength } from './flow-key.ts';

/** Tags, labels and IPv6 extension headers that are looked through at most. */
export const MOST_TAGS = 2;
export const MOST_LABELS = 16;
export const MOST_EXTENSIONS = 6;
/** IPv6 extension headers of 8 bytes and more: hop-by-hop, routing, destination options (RFC 8200). */
export const EXTENSIONS: readonly number[] = [0, 43, 60];
export const FRAGMENT_HEADER = 44;
export const TAG_TYPES: readonly number[] = [ETHERTYPE.VLAN, ETHERTYPE.SVLAN];
export const MPLS_TYPES: readonly number[] = [ETHERTYPE.MPLS, 0x8848];
/** What a microsecond leaves, ns, is less than this. */
export const MOST_NSEC = 1000;

/** What a frame is: one of ours, cut off before that could be seen, a part of a datagram, or somebody else's. */
export type FrameKind = 'ours' | 'truncated' | 'fragment' | 'foreign';

/** No tag was taken out of the frame. */
const NO_TAG = -1;

// Comparisons cost less than a look into an array, and each packet has some.
const [VLAN, SERVICE_VLAN] = TAG_TYPES;
const [MPLS, MPLS_MULTICAST] = MPLS_TYPES;
const isTag = (type: number): boolean => type === VLAN || type === SERVICE_VLAN;
const isMpls = (type: number): boolean => type === MPLS || type === MPLS_MULTICAST;

/**
 * Looks for a pktgen header behind tags, labels, IPv4 or IPv6, and UDP; whatever wrote it. The XDP receiver does the same.
 * What was found last stands in its fields.
 */
export class HeaderFinder {
  /** The key of the packet's flow. */
  readonly key = new Uint8Array(FLOW_KEY_LEN);
  seq = 0;
  /** When it was sent: seconds since 1970, and ns. */
  sec = 0;
  nsec = 0;
  readonly #key = new DataView(this.key.buffer);
  readonly #words = new Uint32Array(this.key.buffer);
  /** Words of the key that may be other than zero. */
  readonly #length: number;
  readonly #by: { readonly [F in FlowField]: boolean };

  constructor(by: readonly FlowField[]) {
    this.#length = keyLength(by) / 4;
    const has = (field: FlowField): boolean => by.includes(field);
    this.#by = {
      mac: has('mac'),
      vlan: has('vlan'),
      tag: has('tag'),
      sport: has('sport'),
      dport: has('dport'),
      src: has('src'),
      dst: has('dst'),
    };
  }

  /**
   * Looks at the frame that lies from `from` to `end`. `taken`: the tag control information of an outer VLAN tag that the
   * kernel has taken out of it.
   */
  find(view: DataView, from: number, end: number, taken = NO_TAG): FrameKind {
    if (end - from < ETHERNET_HEADER_LEN) return 'truncated';
    for (let word = 0; word < this.#length; word++) this.#words[word] = 0;
    if (this.#by.mac) this.#copy(flowKeyField.mac, view, from + ethernetField.src, 6);
    let type = view.getUint16(from + ethernetField.type);
    let at = from + ETHERNET_HEADER_LEN;
    if (taken !== NO_TAG) this.#takeVlan(taken);
    for (let tags = taken === NO_TAG ? 0 : 1; tags < MOST_TAGS && isTag(type); tags++) {
      if (end < at + VLAN_TAG_LEN) return 'truncated';
      if (tags === 0) this.#takeVlan(view.getUint16(at + vlanField.tci));
      type = view.getUint16(at + vlanField.type);
      at += VLAN_TAG_LEN;
    }
    if (isMpls(type)) {
      let bottom = false;
      for (let labels = 0; labels < MOST_LABELS && !bottom; labels++) {
        if (end < at + MPLS_LABEL_LEN) return 'truncated';
        bottom = (view.getUint8(at + 2) & 1) === 1;
        at += MPLS_LABEL_LEN;
      }
      if (!bottom) return 'foreign';
      if (end < at + 1) return 'truncated';
      const version = view.getUint8(at) >> 4;
      type = version === 4 ? ETHERTYPE.IPV4 : version === 6 ? ETHERTYPE.IPV6 : 0;
    }
    if (type === ETHERTYPE.IPV4) return this.#inIpv4(view, at, end);
    return type === ETHERTYPE.IPV6 ? this.#inIpv6(view, at, end) : 'foreign';
  }

  #takeVlan(tci: number): void {
    if (this.#by.vlan) this.#key.setUint16(flowKeyField.vlan, HAS_VLAN | (tci & 0xfff));
  }

  /** `length`: an even number of bytes. */
  #copy(to: number, view: DataView, from: number, length: number): void {
    let done = 0;
    for (; done + 4 <= length; done += 4) this.#key.setUint32(to + done, view.getUint32(from + done));
    for (; done < length; done += 2) this.#key.setUint16(to + done, view.getUint16(from + done));
  }

  #inIpv4(view: DataView, at: number, end: number): FrameKind {
    if (end < at + IPV4_HEADER_LEN) return 'truncated';
    const first = view.getUint8(at);
    const header = (first & 15) * 4;
    if (first >> 4 !== 4 || header < IPV4_HEADER_LEN) return 'foreign';
    // More fragments, or an offset.
    if ((view.getUint16(at + ipv4Field.fragment) & 0x3fff) !== 0) return 'fragment';
    if (view.getUint8(at + ipv4Field.protocol) !== IP_PROTOCOL.UDP) return 'foreign';
    if (this.#by.src) this.#takeIpv4(flowKeyField.src, view.getUint32(at + ipv4Field.src));
    if (this.#by.dst) this.#takeIpv4(flowKeyField.dst, view.getUint32(at + ipv4Field.dst));
    return this.#inUdp(view, at + header, end);
  }

  #takeIpv4(to: number, address: number): void {
    this.#key.setUint16(to + IPV4_MAPPED.at, IPV4_MAPPED.mark);
    this.#key.setUint32(to + IPV4_MAPPED.address, address);
  }

  #inIpv6(view: DataView, from: number, end: number): FrameKind {
    if (end < from + IPV6_HEADER_LEN) return 'truncated';
    if (view.getUint8(from) >> 4 !== 6) return 'foreign';
    let next = view.getUint8(from + ipv6Field.nextHeader);
    let at = from + IPV6_HEADER_LEN;
    for (let extensions = 0; extensions < MOST_EXTENSIONS && next !== IP_PROTOCOL.UDP; extensions++) {
      if (!EXTENSIONS.includes(next) && next !== FRAGMENT_HEADER) return 'foreign';
      if (end < at + 8) return 'truncated';
      // An offset, or more fragments.
      if (next === FRAGMENT_HEADER && (view.getUint16(at + 2) & 0xfff9) !== 0) return 'fragment';
      const length = next === FRAGMENT_HEADER ? 8 : (view.getUint8(at + 1) + 1) * 8;
      next = view.getUint8(at);
      at += length;
    }
    if (next !== IP_PROTOCOL.UDP) return 'foreign';
    if (this.#by.src) this.#copy(flowKeyField.src, view, from + ipv6Field.src, 16);
    if (this.#by.dst) this.#copy(flowKeyField.dst, view, from + ipv6Field.dst, 16);
    return this.#inUdp(view, at, end);
  }

  #inUdp(view: DataView, from: number, end: number): FrameKind {
    const at = from + UDP_HEADER_LEN;
    if (end < at + PKTGEN_HEADER_LEN) return 'foreign';
    if (view.getUint32(at + pktgenField.magic) !== PKTGEN_MAGIC) return 'foreign';
    const by = this.#by;
    if (by.sport) this.#copy(flowKeyField.sport, view, from + udpField.srcPort, 2);
    if (by.dport) this.#copy(flowKeyField.dport, view, from + udpField.dstPort, 2);
    // Short frames are padded: what belongs to the datagram ends earlier.
    const payload = Math.min(view.getUint16(from + udpField.length) - UDP_HEADER_LEN, end - at);
    if (by.tag && payload >= TAGGED_LEN) this.#copy(flowKeyField.tag, view, at + trailerField.flowTag, 2);
    const rest = payload >= TIMED_LEN ? view.getUint16(at + trailerField.nsec) : 0;
    this.seq = view.getUint32(at + pktgenField.seq);
    this.sec = view.getUint32(at + pktgenField.sec);
    this.nsec = view.getUint32(at + pktgenField.usec) * 1000;
    if (rest < MOST_NSEC && (this.sec !== 0 || this.nsec !== 0)) this.nsec += rest;
    return 'ours';
  }
}
