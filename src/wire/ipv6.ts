import { requireLength, requireRange } from './field-range.ts';
import { IPV6_ADDRESS_LEN } from './ipv6-address.ts';

/** Bytes of the fixed header. */
export const IPV6_HEADER_LEN = 40;
/** Byte offsets inside the header (struct ipv6hdr). */
export const ipv6Field = {
  versionClassFlow: 0,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  src: 8,
  dst: 24,
} as const;

/** An IPv6 header (RFC 8200, section 3); addresses of 16 bytes. */
export interface Ipv6Header {
  readonly trafficClass: number;
  /** 20 bits. */
  readonly flowLabel: number;
  /** Bytes behind this header. */
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
}

/** Writes a header. RangeError when it does not fit or a value is too large. */
export function emitIpv6(frame: DataView, at: number, header: Ipv6Header): void {
  requireRange('IPv6 traffic class', header.trafficClass, 0xff);
  requireRange('IPv6 flow label', header.flowLabel, 0xfffff);
  requireRange('IPv6 payload length', header.payloadLength, 0xffff);
  requireRange('IPv6 next header', header.nextHeader, 0xff);
  requireRange('IPv6 hop limit', header.hopLimit, 0xff);
  requireLength('IPv6 source', header.src, IPV6_ADDRESS_LEN);
  requireLength('IPv6 destination', header.dst, IPV6_ADDRESS_LEN);
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength);
  frame.setUint32(at + ipv6Field.versionClassFlow, 0x6000_0000 | (header.trafficClass << 20) | header.flowLabel);
  frame.setUint16(at + ipv6Field.payloadLength, header.payloadLength);
  frame.setUint8(at + ipv6Field.nextHeader, header.nextHeader);
  frame.setUint8(at + ipv6Field.hopLimit, header.hopLimit);
  bytes.set(header.src, at + ipv6Field.src);
  bytes.set(header.dst, at + ipv6Field.dst);
}

/** Reads a header; undefined when the frame is truncated or the version is not 6. The payload may be cut. */
export function parseIpv6(frame: DataView, at: number): Ipv6Header | undefined {
  if (at + IPV6_HEADER_LEN > frame.byteLength) return undefined;
  const first = frame.getUint32(at + ipv6Field.versionClassFlow);
  if (first >>> 28 !== 6) return undefined;
  const address = (field: number): Uint8Array =>
    new Uint8Array(frame.buffer, frame.byteOffset + at + field, IPV6_ADDRESS_LEN).slice();
  return {
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    payloadLength: frame.getUint16(at + ipv6Field.payloadLength),
    nextHeader: frame.getUint8(at + ipv6Field.nextHeader),
    hopLimit: frame.getUint8(at + ipv6Field.hopLimit),
    src: address(ipv6Field.src),
    dst: address(ipv6Field.dst),
  };
}
