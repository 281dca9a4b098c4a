import { foldChecksum, sumWords } from './checksum.ts';
import { requireRange } from './field-range.ts';
import { IP_PROTOCOL } from './ipv4.ts';
import { IPV6_ADDRESS_LEN } from './ipv6-address.ts';

/** Bytes of a UDP header. */
export const UDP_HEADER_LEN = 8;
/** Byte offsets inside the header; field modifiers and eBPF programs use them too. */
export const udpField = { srcPort: 0, dstPort: 2, length: 4, checksum: 6 } as const;

/** A UDP header (RFC 768). */
export interface UdpHeader {
  readonly srcPort: number;
  readonly dstPort: number;
  /** Bytes of header and payload. */
  readonly length: number;
  /** 0: none was computed. */
  readonly checksum: number;
}

/** Writes a header. RangeError when it does not fit or a value is impossible. */
export function emitUdp(frame: DataView, at: number, header: UdpHeader): void {
  requireRange('UDP source port', header.srcPort, 0xffff);
  requireRange('UDP destination port', header.dstPort, 0xffff);
  requireRange('UDP length', header.length, 0xffff);
  requireRange('UDP checksum', header.checksum, 0xffff);
  if (header.length < UDP_HEADER_LEN) {
    throw new RangeError(`UDP length ${header.length} is below the ${UDP_HEADER_LEN} bytes of the header`);
  }
  frame.setUint16(at + udpField.srcPort, header.srcPort);
  frame.setUint16(at + udpField.dstPort, header.dstPort);
  frame.setUint16(at + udpField.length, header.length);
  frame.setUint16(at + udpField.checksum, header.checksum);
}

/** Reads the header at `at`; undefined when the frame is truncated or the length impossible. */
export function parseUdp(frame: DataView, at: number): UdpHeader | undefined {
  if (at + UDP_HEADER_LEN > frame.byteLength) return undefined;
  const length = frame.getUint16(at + udpField.length);
  if (length < UDP_HEADER_LEN) return undefined;
  return {
    srcPort: frame.getUint16(at + udpField.srcPort),
    dstPort: frame.getUint16(at + udpField.dstPort),
    length,
    checksum: frame.getUint16(at + udpField.checksum),
  };
}

/** The sum of the IPv4 pseudo-header (RFC 768); addresses in host order, `length` as in the UDP header. */
export const pseudoHeaderSum4 = (src: number, dst: number, length: number): number =>
  (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + IP_PROTOCOL.UDP + length;

/** The sum of the IPv6 pseudo-header (RFC 8200, section 8.1); addresses of 16 bytes. */
export const pseudoHeaderSum6 = (src: Uint8Array, dst: Uint8Array, length: number): number =>
  sumWords(view(src), 0, IPV6_ADDRESS_LEN, sumWords(view(dst), 0, IPV6_ADDRESS_LEN, IP_PROTOCOL.UDP + length));

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The checksum of the datagram at `at`, whatever its checksum field holds now; `length` as in its header, `pseudoSum`
 * from pseudoHeaderSum4() or pseudoHeaderSum6(). Never 0, which would mean none (CSUM_MANGLED_0).
 */
export function udpChecksum(frame: DataView, at: number, length: number, pseudoSum: number): number {
  const ports = sumWords(frame, at, udpField.checksum, pseudoSum);
  const sum = sumWords(frame, at + UDP_HEADER_LEN, length - UDP_HEADER_LEN, ports);
  return foldChecksum(sum) || 0xffff;
}
