import { requireRange } from './field-range.ts';

/** Bytes of an ESP header: what follows (an IV, the encrypted payload) is the association's business. */
export const ESP_HEADER_LEN = 8;
/** Byte offsets inside the header (struct ip_esp_hdr). */
export const espField = { spi: 0, seq: 4 } as const;

/** Bytes of the trailer, which ends what is encrypted: padding stands before it and the ICV behind it. */
export const ESP_TRAILER_LEN = 2;
/** Byte offsets inside the trailer. */
export const espTrailerField = { padLen: 0, nextHeader: 1 } as const;

/** The UDP port of ESP inside of UDP (RFC 3948). */
export const ESP_UDP_PORT = 4500;

/** An ESP header (RFC 4303, section 2). */
export interface EspHeader {
  /** Security parameters index: which association of the receiver. 0 is never sent. */
  readonly spi: number;
  /** The low 32 bits, where the number has 64 (ESN). */
  readonly seq: number;
}

/** An ESP trailer (RFC 4303, sections 2.4 to 2.6). */
export interface EspTrailer {
  /** Bytes of padding before it. */
  readonly padLen: number;
  /** What the payload is: an IP protocol, 4 or 41 for a tunnel. */
  readonly nextHeader: number;
}

/** Writes a header. RangeError when it does not fit or a value is too large. */
export function emitEsp(frame: DataView, at: number, { spi, seq }: EspHeader): void {
  requireRange('ESP spi', spi, 0xffff_ffff);
  requireRange('ESP sequence number', seq, 0xffff_ffff);
  frame.setUint32(at + espField.spi, spi);
  frame.setUint32(at + espField.seq, seq);
}

/** Reads the header at `at`; undefined when the frame is truncated. */
export function parseEsp(frame: DataView, at: number): EspHeader | undefined {
  if (at + ESP_HEADER_LEN > frame.byteLength) return undefined;
  return { spi: frame.getUint32(at + espField.spi), seq: frame.getUint32(at + espField.seq) };
}

/** Writes a trailer; the padding is the caller's. RangeError when it does not fit or a value is too large. */
export function emitEspTrailer(frame: DataView, at: number, { padLen, nextHeader }: EspTrailer): void {
  requireRange('ESP pad length', padLen, 0xff);
  requireRange('ESP next header', nextHeader, 0xff);
  frame.setUint8(at + espTrailerField.padLen, padLen);
  frame.setUint8(at + espTrailerField.nextHeader, nextHeader);
}

/** Reads the trailer at `at`, decrypted; undefined when the frame is truncated. */
export function parseEspTrailer(frame: DataView, at: number): EspTrailer | undefined {
  if (at + ESP_TRAILER_LEN > frame.byteLength) return undefined;
  return {
    padLen: frame.getUint8(at + espTrailerField.padLen),
    nextHeader: frame.getUint8(at + espTrailerField.nextHeader),
  };
}
