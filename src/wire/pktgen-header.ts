import { requireRange } from './field-range.ts';

/** The magic number of struct pktgen_hdr. */
export const PKTGEN_MAGIC = 0xbe9be955;
/** Bytes of the header, the first ones of the UDP payload. */
export const PKTGEN_HEADER_LEN = 16;
/** Byte offsets inside struct pktgen_hdr of net/core/pktgen.c: four big-endian 32-bit words. */
export const pktgenField = { magic: 0, seq: 4, sec: 8, usec: 12 } as const;

/**
 * What we may write behind the header, from its start: the tag of the flow, and the nanoseconds that `usec` leaves out,
 * 16 bits each. The kernel's pktgen has zeros there.
 */
export const trailerField = { flowTag: 16, nsec: 18 } as const;
/** Bytes of a payload that has a tag, and of one that has nanoseconds too. */
export const TAGGED_LEN = 18;
export const TIMED_LEN = 20;

/** What pktgen writes into each packet. With NO_TIMESTAMP both times are 0. */
export interface PktgenHeader {
  /** From 1 in each run; wraps at 2^32. */
  readonly seq: number;
  /** Seconds since 1970, 32 bits. */
  readonly sec: number;
  readonly usec: number;
}

/** Writes the header with its magic. RangeError when it does not fit or a value is too large. */
export function emitPktgen(frame: DataView, at: number, { seq, sec, usec }: PktgenHeader): void {
  requireRange('pktgen sequence number', seq, 0xffff_ffff);
  requireRange('pktgen seconds', sec, 0xffff_ffff);
  requireRange('pktgen microseconds', usec, 0xffff_ffff);
  frame.setUint32(at + pktgenField.magic, PKTGEN_MAGIC);
  frame.setUint32(at + pktgenField.seq, seq);
  frame.setUint32(at + pktgenField.sec, sec);
  frame.setUint32(at + pktgenField.usec, usec);
}

/** Reads the header; undefined when the frame is truncated or the magic is another. */
export function parsePktgen(frame: DataView, at: number): PktgenHeader | undefined {
  if (at + PKTGEN_HEADER_LEN > frame.byteLength) return undefined;
  if (frame.getUint32(at + pktgenField.magic) !== PKTGEN_MAGIC) return undefined;
  return {
    seq: frame.getUint32(at + pktgenField.seq),
    sec: frame.getUint32(at + pktgenField.sec),
    usec: frame.getUint32(at + pktgenField.usec),
  };
}
