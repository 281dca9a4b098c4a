import { IPV4_FRAGMENT, ipv4Field } from '../wire/ipv4.ts';
import { ipv6Field } from '../wire/ipv6.ts';
import type { SecurityAssociation } from './security-association.ts';
import type { Frame } from './transform.ts';

/**
 * Writes the IP header of tunnel mode at `ip` for the packet whose own header lies at `inner`. Lengths, protocol and
 * checksum are the caller's.
 */
export type WriteOuterHeader = (frame: Frame, ip: number, inner: number) => void;

/** ttl and hop limit of what pktgen tunnels: the metric of the route that it makes up (RTAX_HOPLIMIT). */
const HOP_LIMIT = 5;

const ECN_MASK = 3;
const ECN_CE = 3;
const ECN_ECT0 = 2;

/** The writer of an association in tunnel mode (xfrm4_tunnel_encap_add, xfrm6_tunnel_encap_add). */
export function newOuterHeader({ family, src, dst, flags }: SecurityAssociation): WriteOuterHeader {
  const keepDscp = !flags.includes('dont-encap-dscp');
  const keepEcn = !flags.includes('noecn');
  const keepDf = !flags.includes('nopmtudisc');
  /** A congestion mark of the inner packet is no mark of the outer one (RFC 3168, section 9.1.1). */
  const trafficClass = (inner: number): number => {
    const ecn = (inner & ECN_MASK) === ECN_CE ? ECN_ECT0 : inner & ECN_MASK;
    return (keepDscp ? inner & ~ECN_MASK : 0) | (keepEcn ? ecn : 0);
  };
  let id = 0;

  const write4: WriteOuterHeader = (frame, ip, inner) => {
    const { bytes, view } = frame;
    bytes[ip + ipv4Field.versionIhl] = 0x45;
    bytes[ip + ipv4Field.tos] = trafficClass(innerClass(frame, inner));
    view.setUint16(ip + ipv4Field.id, id++);
    view.setUint16(ip + ipv4Field.fragment, keepDf ? doNotFragment(frame, inner) : 0);
    bytes[ip + ipv4Field.ttl] = HOP_LIMIT;
    bytes.set(src, ip + ipv4Field.src);
    bytes.set(dst, ip + ipv4Field.dst);
  };
  const write6: WriteOuterHeader = (frame, ip, inner) => {
    const { bytes, view } = frame;
    const versionAndClass = 0x600 | trafficClass(innerClass(frame, inner));
    view.setUint32(ip + ipv6Field.versionClassFlow, versionAndClass << 20);
    bytes[ip + ipv6Field.hopLimit] = HOP_LIMIT;
    bytes.set(src, ip + ipv6Field.src);
    bytes.set(dst, ip + ipv6Field.dst);
  };
  return family === 4 ? write4 : write6;
}

const isIpv4 = ({ bytes }: Frame, ip: number): boolean => (bytes[ip] ?? 0) >>> 4 === 4;

const innerClass = (frame: Frame, ip: number): number =>
  isIpv4(frame, ip)
    ? (frame.bytes[ip + ipv4Field.tos] ?? 0)
    : (frame.view.getUint16(ip + ipv6Field.versionClassFlow) >>> 4) & 0xff;

/** Nobody may cut an IPv6 packet on its way, so nobody may cut an IPv4 packet around one. */
const doNotFragment = (frame: Frame, ip: number): number =>
  isIpv4(frame, ip) ? frame.view.getUint16(ip + ipv4Field.fragment) & IPV4_FRAGMENT.DONT : IPV4_FRAGMENT.DONT;
