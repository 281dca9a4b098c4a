import type { AhHeader } from './ah.ts';
import type { EspHeader } from './esp.ts';
import { ETHERTYPE, type EthernetHeader } from './ethernet.ts';
import { IP_PROTOCOL, IPV4_FRAGMENT, type ParsedIpv4Header } from './ipv4.ts';
import { formatIpv4 } from './ipv4-address.ts';
import type { Ipv6Header } from './ipv6.ts';
import { formatIpv6 } from './ipv6-address.ts';
import { formatMac } from './mac.ts';
import type { MplsLabel } from './mpls.ts';
import type { PktgenHeader } from './pktgen-header.ts';
import type { UdpHeader } from './udp.ts';
import type { VlanTag } from './vlan.ts';

/** Where a layer lies in the frame. `length` is that of its header; of a payload, all of it. */
interface Span {
  readonly offset: number;
  readonly length: number;
}

/** Bytes that a length field promises and the frame does not have: it was captured in part, or is a fragment. */
interface Cut {
  readonly missing: number;
}

/** `none`: 0, not computed. `partial`: the pseudo-header sum, which the link was to finish. `unknown`: bytes are missing. */
export type UdpChecksumState = 'ok' | 'bad' | 'none' | 'partial' | 'unknown';

/** A part of a frame, outermost first. */
export type Layer =
  | ({ readonly name: 'ethernet'; readonly header: EthernetHeader } & Span)
  | ({ readonly name: 'vlan' | 'svlan'; readonly header: VlanTag } & Span)
  | ({ readonly name: 'mpls'; readonly header: readonly MplsLabel[] } & Span)
  | ({ readonly name: 'ipv4'; readonly header: ParsedIpv4Header; readonly checksum: 'ok' | 'bad' } & Cut & Span)
  | ({ readonly name: 'ipv6'; readonly header: Ipv6Header } & Cut & Span)
  | ({
      readonly name: 'udp';
      readonly header: UdpHeader;
      readonly checksum: UdpChecksumState;
      /** What the checksum should be, where it is bad. */
      readonly rightChecksum?: number;
    } & Cut &
      Span)
  /** An IV, if there is one, and what is encrypted follow as payload. */
  | ({ readonly name: 'esp'; readonly header: EspHeader } & Span)
  | ({ readonly name: 'ah'; readonly header: AhHeader } & Span)
  | ({ readonly name: 'pktgen'; readonly header: PktgenHeader } & Span)
  /** Bytes that nothing here can read: the rest of a payload, another protocol, a later fragment. */
  | ({ readonly name: 'payload' } & Span)
  /** Bytes behind the end of the `of` packet, as a short frame carries. */
  | ({ readonly name: 'padding'; readonly of: string } & Span)
  /** Where a header was announced and none is, with the reason. */
  | ({ readonly name: 'malformed'; readonly expected: string; readonly reason: string } & Span);

const TYPE_NAMES: Record<number, string> = {
  [ETHERTYPE.IPV4]: 'IPv4',
  [ETHERTYPE.IPV6]: 'IPv6',
  [ETHERTYPE.VLAN]: '802.1Q',
  [ETHERTYPE.SVLAN]: '802.1ad',
  [ETHERTYPE.MPLS]: 'MPLS',
  2054: 'ARP',
};
const PROTOCOL_NAMES: Record<number, string> = {
  1: 'ICMP',
  [IP_PROTOCOL.IPIP]: 'IPv4',
  6: 'TCP',
  [IP_PROTOCOL.UDP]: 'UDP',
  [IP_PROTOCOL.IPV6]: 'IPv6',
  [IP_PROTOCOL.ESP]: 'ESP',
  [IP_PROTOCOL.AH]: 'AH',
  58: 'ICMPv6',
};

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;
const named = (shown: string, name: string | undefined): string => (name === undefined ? shown : `${shown} ${name}`);
const etherType = (type: number): string => named(hex(type, 4), TYPE_NAMES[type]);
const bytes = (count: number): string => `${count} byte${count === 1 ? '' : 's'}`;

/** One line for people: `IPv4 10.9.0.1 > 10.9.0.2, ttl 32, id 3, length 44, checksum ok`. */
export function describeLayer(layer: Layer): string {
  switch (layer.name) {
    case 'ethernet': {
      const { src, dst, type } = layer.header;
      return `Ethernet ${formatMac(src)} > ${formatMac(dst)}, type ${etherType(type)}`;
    }
    case 'vlan':
    case 'svlan': {
      const { id, priority, dei, type } = layer.header;
      const name = layer.name === 'vlan' ? '802.1Q' : '802.1ad';
      return `${name} id ${id}, priority ${priority}${dei ? ', drop eligible' : ''}, type ${etherType(type)}`;
    }
    case 'mpls':
      return `MPLS ${layer.header.map(describeLabel).join(' > ')}`;
    case 'ipv4':
      return [...ipv4Facts(layer.header), ipv4Checksum(layer.header), ...missing(layer)].join(', ');
    case 'ipv6':
      return [...ipv6Facts(layer.header), ...missing(layer)].join(', ');
    case 'udp': {
      const { srcPort, dstPort, length } = layer.header;
      return [`UDP ${srcPort} > ${dstPort}`, `length ${length}`, udpChecksumText(layer), ...missing(layer)].join(', ');
    }
    case 'esp':
      return `ESP ${association(layer.header)}`;
    case 'ah': {
      const icv = Array.from(layer.header.icv, (byte) => byte.toString(16).padStart(2, '0')).join('');
      return [`AH ${association(layer.header)}`, `ICV ${icv}`, ...nextHeaderText(layer.header.nextHeader)].join(', ');
    }
    case 'pktgen': {
      const { seq, sec, usec } = layer.header;
      const time = sec === 0 && usec === 0 ? 'no time' : `time ${sec}.${String(usec).padStart(6, '0')}`;
      return `pktgen seq ${seq}, ${time}`;
    }
    case 'payload':
      return `payload, ${bytes(layer.length)}`;
    case 'padding':
      return `padding, ${bytes(layer.length)} behind the ${layer.of} packet`;
    case 'malformed':
      return `malformed ${layer.expected}: ${layer.reason}`;
  }
}

const describeLabel = ({ label, trafficClass, ttl }: MplsLabel): string =>
  `${label} (class ${trafficClass}, ttl ${ttl})`;

const association = ({ spi, seq }: EspHeader): string => `spi ${hex(spi, 8)}, seq ${seq}`;

/** What follows, where it is not UDP, which goes without saying. */
const nextHeaderText = (protocol: number): string[] =>
  protocol === IP_PROTOCOL.UDP ? [] : [`next ${named(String(protocol), PROTOCOL_NAMES[protocol])}`];

const missing = (layer: Cut): string[] => (layer.missing > 0 ? [`${bytes(layer.missing)} missing`] : []);

function ipv4Facts(header: ParsedIpv4Header): string[] {
  const { src, dst, ttl, id, totalLength, tos, fragment, protocol, options } = header;
  const facts = [`IPv4 ${formatIpv4(src)} > ${formatIpv4(dst)}`, `ttl ${ttl}`, `id ${id}`, `length ${totalLength}`];
  if (tos !== 0) facts.push(`tos ${hex(tos, 2)}`);
  if (fragment & IPV4_FRAGMENT.DONT) facts.push('do not fragment');
  if (fragment & (IPV4_FRAGMENT.MORE | IPV4_FRAGMENT.OFFSET)) {
    const more = fragment & IPV4_FRAGMENT.MORE ? '' : ' (the last)';
    facts.push(`fragment at ${(fragment & IPV4_FRAGMENT.OFFSET) * 8}${more}`);
  }
  if (options.length > 0) facts.push(`options ${bytes(options.length)}`);
  if (protocol !== IP_PROTOCOL.UDP) facts.push(`protocol ${named(String(protocol), PROTOCOL_NAMES[protocol])}`);
  return facts;
}

const ipv4Checksum = ({ checksum, rightChecksum }: ParsedIpv4Header): string =>
  checksum === rightChecksum ? 'checksum ok' : `checksum ${hex(checksum, 4)} wrong, should be ${hex(rightChecksum, 4)}`;

function ipv6Facts(header: Ipv6Header): string[] {
  const { src, dst, hopLimit, payloadLength, trafficClass, flowLabel, nextHeader } = header;
  const facts = [`IPv6 ${formatIpv6(src)} > ${formatIpv6(dst)}`, `hop limit ${hopLimit}`, `payload ${payloadLength}`];
  if (trafficClass !== 0) facts.push(`class ${hex(trafficClass, 2)}`);
  if (flowLabel !== 0) facts.push(`flow ${hex(flowLabel, 5)}`);
  return [...facts, ...nextHeaderText(nextHeader)];
}

function udpChecksumText({ header, checksum, rightChecksum }: Extract<Layer, { name: 'udp' }>): string {
  if (checksum === 'ok' || checksum === 'none') return `checksum ${checksum}`;
  const shown = `checksum ${hex(header.checksum, 4)}`;
  if (checksum === 'unknown') return `${shown} not checked`;
  const right = `should be ${hex(rightChecksum ?? 0, 4)}`;
  return checksum === 'partial' ? `${shown} of the pseudo-header only, ${right}` : `${shown} wrong, ${right}`;
}
