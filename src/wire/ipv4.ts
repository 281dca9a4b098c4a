import { checksum, sumWords } from './checksum.ts';
import { requireRange } from './field-range.ts';

/** Bytes of a header without options. */
export const IPV4_HEADER_LEN = 20;
/** Byte offsets inside the header (struct iphdr). */
export const ipv4Field = {
  versionIhl: 0,
  tos: 1,
  totalLength: 2,
  id: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  src: 12,
  dst: 16,
} as const;
/** Bits of the `fragment` field (IP_DF, IP_MF, IP_OFFSET of net/ip.h); the offset counts in units of 8 bytes. */
export const IPV4_FRAGMENT = { DONT: 0x4000, MORE: 0x2000, OFFSET: 0x1fff } as const;
/** Protocol numbers that pktgen can send (linux/in.h); IPIP and IPV6 are IP packets inside of IP. */
export const IP_PROTOCOL = { IPIP: 4, UDP: 17, IPV6: 41, ESP: 50, AH: 51 } as const;

/** The longest header: four bits count words of four bytes. */
const MAX_OPTIONS = 40;

/** An IPv4 header (RFC 791); addresses are unsigned 32-bit numbers in host order. */
export interface Ipv4Header {
  readonly tos: number;
  /** Bytes of header and payload. */
  readonly totalLength: number;
  readonly id: number;
  /** Flags and offset together: IPV4_FRAGMENT. */
  readonly fragment: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly src: number;
  readonly dst: number;
  /** A multiple of 4 bytes, at most 40. */
  readonly options: Uint8Array;
}

/** A header as it was read, with what emitIpv4() computes by itself. */
export interface ParsedIpv4Header extends Ipv4Header {
  /** Bytes with options. */
  readonly headerLen: number;
  readonly checksum: number;
  /** What the checksum should be. */
  readonly rightChecksum: number;
}

/** Writes a header with its options and checksum. RangeError when it does not fit or a value is too large. */
export function emitIpv4(frame: DataView, at: number, header: Ipv4Header): void {
  const { options } = header;
  if (options.length % 4 !== 0 || options.length > MAX_OPTIONS) {
    throw new RangeError(`IPv4 options of ${options.length} bytes are not a multiple of 4 up to ${MAX_OPTIONS}`);
  }
  const headerLen = IPV4_HEADER_LEN + options.length;
  if (header.totalLength < headerLen) {
    throw new RangeError(`IPv4 total length ${header.totalLength} is below the ${headerLen} bytes of the header`);
  }
  requireRange('IPv4 tos', header.tos, 0xff);
  requireRange('IPv4 total length', header.totalLength, 0xffff);
  requireRange('IPv4 id', header.id, 0xffff);
  requireRange('IPv4 fragment field', header.fragment, 0xffff);
  requireRange('IPv4 ttl', header.ttl, 0xff);
  requireRange('IPv4 protocol', header.protocol, 0xff);
  requireRange('IPv4 source', header.src, 0xffff_ffff);
  requireRange('IPv4 destination', header.dst, 0xffff_ffff);
  frame.setUint8(at + ipv4Field.versionIhl, 0x40 | (headerLen / 4));
  frame.setUint8(at + ipv4Field.tos, header.tos);
  frame.setUint16(at + ipv4Field.totalLength, header.totalLength);
  frame.setUint16(at + ipv4Field.id, header.id);
  frame.setUint16(at + ipv4Field.fragment, header.fragment);
  frame.setUint8(at + ipv4Field.ttl, header.ttl);
  frame.setUint8(at + ipv4Field.protocol, header.protocol);
  frame.setUint16(at + ipv4Field.checksum, 0);
  frame.setUint32(at + ipv4Field.src, header.src);
  frame.setUint32(at + ipv4Field.dst, header.dst);
  new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength).set(options, at + IPV4_HEADER_LEN);
  frame.setUint16(at + ipv4Field.checksum, checksum(frame, at, headerLen));
}

/**
 * Reads a header; undefined when the frame is truncated, the version is not 4 or a length impossible. The payload may
 * be cut and the checksum wrong: the caller compares `totalLength` and `rightChecksum`.
 */
export function parseIpv4(frame: DataView, at: number): ParsedIpv4Header | undefined {
  if (at + IPV4_HEADER_LEN > frame.byteLength) return undefined;
  const versionIhl = frame.getUint8(at + ipv4Field.versionIhl);
  const headerLen = (versionIhl & 0xf) * 4;
  const totalLength = frame.getUint16(at + ipv4Field.totalLength);
  if (versionIhl >>> 4 !== 4 || headerLen < IPV4_HEADER_LEN || totalLength < headerLen) return undefined;
  if (at + headerLen > frame.byteLength) return undefined;
  const options = new Uint8Array(frame.buffer, frame.byteOffset + at, headerLen).slice(IPV4_HEADER_LEN);
  const afterChecksum = ipv4Field.src;
  return {
    tos: frame.getUint8(at + ipv4Field.tos),
    totalLength,
    id: frame.getUint16(at + ipv4Field.id),
    fragment: frame.getUint16(at + ipv4Field.fragment),
    ttl: frame.getUint8(at + ipv4Field.ttl),
    protocol: frame.getUint8(at + ipv4Field.protocol),
    src: frame.getUint32(at + ipv4Field.src),
    dst: frame.getUint32(at + ipv4Field.dst),
    options,
    headerLen,
    checksum: frame.getUint16(at + ipv4Field.checksum),
    rightChecksum: checksum(
      frame,
      at + afterChecksum,
      headerLen - afterChecksum,
      sumWords(frame, at, ipv4Field.checksum),
    ),
  };
}
