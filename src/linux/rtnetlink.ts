import { ERRNO, SyscallError } from './errno.ts';
import { EthtoolSocket } from './ethtool.ts';
import {
  attribute,
  concat,
  type NetlinkMessage,
  NetlinkSocket,
  NLM_F,
  nested,
  parseAttributes,
  textAttribute,
  u32Attribute,
} from './netlink.ts';

const NETLINK_ROUTE = 0;
/** Message types of linux/rtnetlink.h. */
export const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, GETADDR: 22, GETROUTE: 26 } as const;
/** Attributes of linux/if_link.h. */
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  LINKINFO: 18,
  STATS64: 23,
  AF_SPEC: 26,
  NET_NS_FD: 28,
  NUM_TX_QUEUES: 31,
  NUM_RX_QUEUES: 32,
  CARRIER: 33,
  LINK_NETNSID: 37,
} as const;
const IFLA_INFO = { KIND: 1, DATA: 2 } as const;
const VETH_INFO_PEER = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;
const IFA_F_NODAD = 0x02;
const IFA_F_TENTATIVE = 0x40;
const RTA = { OIF: 4, MULTIPATH: 9, TABLE: 15 } as const;
const RTN_UNICAST = 1;
const RT_TABLE_MAIN = 254;
const RT_SCOPE_LINK = 253;
/** Flags of linux/if.h. */
const IFF = { UP: 1, LOOPBACK: 8 } as const;
const ARPHRD_ETHER = 1;
const AF = { UNSPEC: 0, INET: 2, INET6: 10 } as const;

/** struct ifinfomsg, ifaddrmsg, rtmsg, rtnl_link_stats64 of linux/rtnetlink.h, if_addr.h, if_link.h. */
export const ifinfomsg = { size: 16, family: 0, type: 2, index: 4, flags: 8, change: 12 } as const;
export const ifaddrmsg = { size: 8, family: 0, prefixlen: 1, flags: 2, scope: 3, index: 4 } as const;
export const rtmsg = { size: 12, family: 0, dstLen: 1, table: 4, type: 7 } as const;
/** struct rtnexthop of linux/rtnetlink.h. */
export const rtnexthop = { size: 8, len: 0, ifindex: 4 } as const;
export const rtnlLinkStats64 = {
  rxPackets: 0,
  txPackets: 8,
  rxBytes: 16,
  txBytes: 24,
  rxDropped: 48,
  txDropped: 56,
} as const;

/** What a link has carried (IFLA_STATS64). */
export interface LinkStatistics {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** A network link as the kernel describes it. */
export interface LinkInfo {
  readonly name: string;
  readonly index: number;
  /** ARPHRD_ETHER. */
  readonly ethernet: boolean;
  readonly loopback: boolean;
  /** IFLA_INFO_KIND: veth, bridge …; undefined for a NIC. */
  readonly kind?: string;
  /** The other end of a veth: its index, where it is in this namespace. */
  readonly peer?: number;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly up: boolean;
  readonly carrier: boolean;
  /** Transmit queues the link was made with; see EthtoolSocket. */
  readonly txQueues: number;
  readonly statistics?: LinkStatistics;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const u32Of = (bytes: Uint8Array | undefined): number | undefined => bytes && viewOf(bytes).getUint32(0, true);
const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString('latin1').replace(/\0.*$/s, '');

/** Reads RTM_NEWLINK and RTM_DELLINK. */
export function parseLink({ body }: NetlinkMessage): LinkInfo | undefined {
  if (body.length < ifinfomsg.size) return undefined;
  const view = viewOf(body);
  const attributes = parseAttributes(body, ifinfomsg.size);
  const info = attributes.get(IFLA.LINKINFO);
  const kind = info && textOf(parseAttributes(info).get(IFLA_INFO.KIND));
  const flags = view.getUint32(ifinfomsg.flags, true);
  const statistics = attributes.get(IFLA.STATS64);
  return {
    name: textOf(attributes.get(IFLA.IFNAME)) ?? '',
    index: view.getInt32(ifinfomsg.index, true),
    ethernet: view.getUint16(ifinfomsg.type, true) === ARPHRD_ETHER,
    loopback: (flags & IFF.LOOPBACK) !== 0,
    ...(kind !== undefined && { kind }),
    ...(kind === 'veth' && peerOf(attributes)),
    mac: attributes.get(IFLA.ADDRESS)?.slice() ?? new Uint8Array(6),
    mtu: u32Of(attributes.get(IFLA.MTU)) ?? 0,
    up: (flags & IFF.UP) !== 0,
    carrier: attributes.get(IFLA.CARRIER)?.[0] === 1,
    txQueues: u32Of(attributes.get(IFLA.NUM_TX_QUEUES)) ?? 1,
    ...(statistics && { statistics: parseStatistics(statistics) }),
  };
}

/** The other end of a veth, unless it is in another namespace. */
function peerOf(attributes: ReadonlyMap<number, Uint8Array>): { peer?: number } {
  const peer = u32Of(attributes.get(IFLA.LINK));
  return peer === undefined || attributes.has(IFLA.LINK_NETNSID) ? {} : { peer };
}

function parseStatistics(bytes: Uint8Array): LinkStatistics {
  const view = viewOf(bytes);
  const read = (at: number): number => Number(view.getBigUint64(at, true));
  return {
    rxPackets: read(rtnlLinkStats64.rxPackets),
    txPackets: read(rtnlLinkStats64.txPackets),
    rxBytes: read(rtnlLinkStats64.rxBytes),
    txBytes: read(rtnlLinkStats64.txBytes),
    rxDropped: read(rtnlLinkStats64.rxDropped),
    txDropped: read(rtnlLinkStats64.txDropped),
  };
}

function linkMessage(index: number, flags = 0, change = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(ifinfomsg.size));
  view.setInt32(ifinfomsg.index, index, true);
  view.setUint32(ifinfomsg.flags, flags, true);
  view.setUint32(ifinfomsg.change, change, true);
  return new Uint8Array(view.buffer);
}

/** Indexes of the links of a route with several (RTA_MULTIPATH). */
function nextHops(bytes: Uint8Array | undefined): number[] {
  const found: number[] = [];
  if (!bytes) return found;
  const view = viewOf(bytes);
  for (let at = 0; at + rtnexthop.size <= bytes.length; ) {
    found.push(view.getInt32(at + rtnexthop.ifindex, true));
    at += Math.max(rtnexthop.size, view.getUint16(at + rtnexthop.len, true));
  }
  return found;
}

const MAC_PATTERN = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;
function macBytes(mac: string): Uint8Array {
  if (!MAC_PATTERN.test(mac)) throw new RangeError(`${mac} is no MAC address`);
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** The kernel's messages about all links. */
export const linkDump = (socket: NetlinkSocket): NetlinkMessage[] =>
  socket.request(RTM.GETLINK, NLM_F.DUMP, linkMessage(0), 'RTM_GETLINK');

/** Links, addresses and routes of the network namespace in which it was opened (NETLINK_ROUTE). */
export class RouteSocket implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  readonly #ethtool = new EthtoolSocket();
  #open = true;

  /** All links. */
  links(): LinkInfo[] {
    return linkDump(this.#socket).flatMap((answer) => parseLink(answer) ?? []);
  }

  /** A link by its name or index; undefined when there is none. Its transmit queues are those in use. */
  link(which: string | number): LinkInfo | undefined {
    const body =
      typeof which === 'number' ? linkMessage(which) : concat([linkMessage(0), textAttribute(IFLA.IFNAME, which)]);
    if (typeof which === 'string' && (which === '' || which.length > 15)) return undefined;
    try {
      const [answer] = this.#socket.request(RTM.GETLINK, 0, body, `RTM_GETLINK ${which}`);
      const link = answer && parseLink(answer);
      return link && { ...link, txQueues: this.#ethtool.realTxQueues(link.name) ?? link.txQueues };
    } catch (error) {
      if (error instanceof SyscallError && (error.errno === ERRNO.ENODEV || error.errno === ERRNO.EINVAL))
        return undefined;
      throw error;
    }
  }

  /** The link's first IPv4 address, host order (in_dev->ifa_list). */
  firstIpv4(index: number): number | undefined {
    const [first] = this.#addresses(AF.INET).filter((one) => one.index === index);
    return first && viewOf(first.address).getUint32(0);
  }

  /** The link's first link-local IPv6 address that is not tentative (its own, where the link has a peer). */
  linkLocal(index: number): Uint8Array | undefined {
    const usable = this.#addresses(AF.INET6).find(
      (one) => one.index === index && one.scope === RT_SCOPE_LINK && (one.flags & IFA_F_TENTATIVE) === 0,
    );
    return usable?.address;
  }

  #addresses(family: number): { index: number; scope: number; flags: number; address: Uint8Array }[] {
    const request = new Uint8Array(ifaddrmsg.size);
    request[ifaddrmsg.family] = family;
    return this.#socket.request(RTM.GETADDR, NLM_F.DUMP, request, 'RTM_GETADDR').flatMap(({ body }) => {
      const attributes = parseAttributes(body, ifaddrmsg.size);
      // Of a link with a peer, IPv4's ifa_address is the peer's, and pktgen takes that; IPv6's own one is in IFA_LOCAL.
      const [first, second] = family === AF.INET ? [IFA.ADDRESS, IFA.LOCAL] : [IFA.LOCAL, IFA.ADDRESS];
      const address = attributes.get(first) ?? attributes.get(second);
      if (!address || body[ifaddrmsg.family] !== family) return [];
      const index = viewOf(body).getUint32(ifaddrmsg.index, true);
      const flags = u32Of(attributes.get(IFA.FLAGS)) ?? body[ifaddrmsg.flags] ?? 0;
      return [{ index, scope: body[ifaddrmsg.scope] ?? 0, flags, address: address.slice() }];
    });
  }

  /** Indexes of the links that a default route leads out of (main table). */
  defaultRouteLinks(): number[] {
    const found = [AF.INET, AF.INET6].flatMap((family) => {
      const request = new Uint8Array(rtmsg.size);
      request[rtmsg.family] = family;
      return this.#socket.request(RTM.GETROUTE, NLM_F.DUMP, request, 'RTM_GETROUTE').flatMap(({ body }) => {
        const attributes = parseAttributes(body, rtmsg.size);
        const table = u32Of(attributes.get(RTA.TABLE)) ?? body[rtmsg.table];
        if (body[rtmsg.dstLen] !== 0 || table !== RT_TABLE_MAIN || body[rtmsg.type] !== RTN_UNICAST) return [];
        const out = u32Of(attributes.get(RTA.OIF));
        return [...(out === undefined ? [] : [out]), ...nextHops(attributes.get(RTA.MULTIPATH))];
      });
    });
    return [...new Set(found)];
  }

  /** Makes a pair of links that are each other's far end; the peer in another namespace when one is given. */
  addVeth(ends: {
    name: string;
    mac: string;
    peer: string;
    peerMac: string;
    queues?: number;
    peerNetnsFd?: number;
  }): void {
    const { name, mac, peer, peerMac, queues = 1, peerNetnsFd } = ends;
    const end = (linkName: string, address: string): Uint8Array[] => [
      textAttribute(IFLA.IFNAME, linkName),
      attribute(IFLA.ADDRESS, macBytes(address)),
      u32Attribute(IFLA.NUM_TX_QUEUES, queues),
      u32Attribute(IFLA.NUM_RX_QUEUES, queues),
    ];
    const netns = peerNetnsFd === undefined ? [] : [u32Attribute(IFLA.NET_NS_FD, peerNetnsFd)];
    const peerInfo = nested(VETH_INFO_PEER, linkMessage(0), ...end(peer, peerMac), ...netns);
    const info = nested(IFLA.LINKINFO, textAttribute(IFLA_INFO.KIND, 'veth'), nested(IFLA_INFO.DATA, peerInfo));
    const body = concat([linkMessage(0), ...end(name, mac), info]);
    this.#socket.request(RTM.NEWLINK, NLM_F.CREATE | NLM_F.EXCL, body, `RTM_NEWLINK veth ${name}`);
  }

  setUp(index: number, up = true): void {
    const body = linkMessage(index, up ? IFF.UP : 0, IFF.UP);
    this.#socket.request(RTM.NEWLINK, 0, body, `RTM_NEWLINK ${up ? 'up' : 'down'}`);
  }
  setMtu(index: number, mtu: number): void {
    this.#socket.request(RTM.NEWLINK, 0, concat([linkMessage(index), u32Attribute(IFLA.MTU, mtu)]), 'RTM_NEWLINK mtu');
  }
  /** Lets the link have no IPv6 address of its own accord: it then sends nothing that it was not told to. */
  silence(index: number): void {
    const mode = attribute(IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(IN6_ADDR_GEN_MODE_NONE));
    const body = concat([linkMessage(index), nested(IFLA.AF_SPEC, nested(AF.INET6, mode))]);
    try {
      this.#socket.request(RTM.NEWLINK, 0, body, 'RTM_NEWLINK addr_gen_mode');
    } catch (error) {
      // A kernel without IPv6 sends none.
      if (!(error instanceof SyscallError) || error.errno !== ERRNO.EAFNOSUPPORT) throw error;
    }
  }
  rename(index: number, name: string): void {
    const body = concat([linkMessage(index), textAttribute(IFLA.IFNAME, name)]);
    this.#socket.request(RTM.NEWLINK, 0, body, `RTM_NEWLINK name ${name}`);
  }
  /** Moves a link into another namespace; it is down there. */
  moveTo(index: number, netnsFd: number): void {
    const body = concat([linkMessage(index), u32Attribute(IFLA.NET_NS_FD, netnsFd)]);
    this.#socket.request(RTM.NEWLINK, 0, body, 'RTM_NEWLINK netns');
  }
  remove(index: number): void {
    this.#socket.request(RTM.DELLINK, 0, linkMessage(index), 'RTM_DELLINK');
  }
  /** Adds an address of 4 or 16 bytes; IPv6 ones without duplicate address detection. */
  addAddress(index: number, address: Uint8Array, prefixLength: number): void {
    const view = new DataView(new ArrayBuffer(ifaddrmsg.size));
    view.setUint8(ifaddrmsg.family, address.length === 4 ? AF.INET : AF.INET6);
    view.setUint8(ifaddrmsg.prefixlen, prefixLength);
    view.setUint8(ifaddrmsg.flags, IFA_F_NODAD);
    view.setUint32(ifaddrmsg.index, index, true);
    const body = concat([new Uint8Array(view.buffer), attribute(IFA.LOCAL, address), attribute(IFA.ADDRESS, address)]);
    this.#socket.request(RTM.NEWADDR, NLM_F.CREATE | NLM_F.EXCL, body, 'RTM_NEWADDR');
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ethtool[Symbol.dispose]();
    this.#socket.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}
