import { requireRange } from './field-range.ts';

/** Bytes of an authentication header before its ICV. */
export const AH_HEADER_LEN = 12;
/** Byte offsets inside the header (struct ip_auth_hdr). */
export const ahField = { nextHeader: 0, length: 1, reserved: 2, spi: 4, seq: 8, icv: 12 } as const;

/** The length field counts words of four bytes, less two (RFC 4302, section 2.2). */
const WORD = 4;
const LEFT_OUT = 2;
const MAX_ICV = (0xff + LEFT_OUT) * WORD - AH_HEADER_LEN;

/** What the length field says of a header with an ICV of so many bytes, padding included. */
export const ahLengthField = (icvLen: number): number => (AH_HEADER_LEN + icvLen) / WORD - LEFT_OUT;

/** An authentication header (RFC 4302, section 2). */
export interface AhHeader {
  /** What follows: an IP protocol, 4 or 41 for a tunnel. */
  readonly nextHeader: number;
  /** Security parameters index: which association of the receiver. 0 is never sent. */
  readonly spi: number;
  /** The low 32 bits, where the number has 64 (ESN). */
  readonly seq: number;
  /** Integrity check value, with the padding that aligns the header: a multiple of 4 bytes. */
  readonly icv: Uint8Array;
}

/** Writes a header with its ICV. RangeError when it does not fit or a value is impossible. */
export function emitAh(frame: DataView, at: number, { nextHeader, spi, seq, icv }: AhHeader): void {
  if (icv.length % WORD !== 0 || icv.length > MAX_ICV) {
    throw new RangeError(`AH integrity check value of ${icv.length} bytes is not a multiple of 4 up to ${MAX_ICV}`);
  }
  requireRange('AH next header', nextHeader, 0xff);
  requireRange('AH spi', spi, 0xffff_ffff);
  requireRange('AH sequence number', seq, 0xffff_ffff);
  frame.setUint8(at + ahField.nextHeader, nextHeader);
  frame.setUint8(at + ahField.length, ahLengthField(icv.length));
  frame.setUint16(at + ahField.reserved, 0);
  frame.setUint32(at + ahField.spi, spi);
  frame.setUint32(at + ahField.seq, seq);
  new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength).set(icv, at + ahField.icv);
}

/** Reads the header at `at`; undefined when the frame is truncated or the length impossible. */
export function parseAh(frame: DataView, at: number): AhHeader | undefined {
  if (at + AH_HEADER_LEN > frame.byteLength) return undefined;
  const length = (frame.getUint8(at + ahField.length) + LEFT_OUT) * WORD;
  if (length < AH_HEADER_LEN || at + length > frame.byteLength) return undefined;
  return {
    nextHeader: frame.getUint8(at + ahField.nextHeader),
    spi: frame.getUint32(at + ahField.spi),
    seq: frame.getUint32(at + ahField.seq),
    icv: new Uint8Array(frame.buffer, frame.byteOffset + at, length).slice(AH_HEADER_LEN),
  };
}
