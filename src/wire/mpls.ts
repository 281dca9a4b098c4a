import { requireRange } from './field-range.ts';

/** Bytes of an entry of the label stack (RFC 3032). */
export const MPLS_LABEL_LEN = 4;
/** The bit of the last entry of a stack. */
export const MPLS_BOTTOM = 0x100;

/** An entry of a label stack (RFC 3032, section 2.1). */
export interface MplsLabel {
  /** 20 bits. */
  readonly label: number;
  /** 0 to 7 (RFC 5462; formerly EXP). */
  readonly trafficClass: number;
  readonly ttl: number;
}

/** Writes a label stack; the last entry gets the bottom bit. RangeError when it does not fit or a value is too large. */
export function emitMpls(frame: DataView, at: number, stack: readonly MplsLabel[]): void {
  if (stack.length === 0) throw new RangeError('an MPLS stack has at least one label');
  for (const [i, { label, trafficClass, ttl }] of stack.entries()) {
    requireRange('MPLS label', label, 0xfffff);
    requireRange('MPLS traffic class', trafficClass, 7);
    requireRange('MPLS ttl', ttl, 0xff);
    const bottom = i === stack.length - 1 ? MPLS_BOTTOM : 0;
    // The label may set bit 31, so no bitwise operators on it: they are signed.
    frame.setUint32(at + i * MPLS_LABEL_LEN, label * 0x1000 + ((trafficClass << 9) | bottom | ttl));
  }
}

/** Reads a label stack up to its bottom bit; undefined when the frame ends before that. */
export function parseMpls(frame: DataView, at: number): readonly MplsLabel[] | undefined {
  const stack: MplsLabel[] = [];
  for (let from = at; from + MPLS_LABEL_LEN <= frame.byteLength; from += MPLS_LABEL_LEN) {
    const entry = frame.getUint32(from);
    stack.push({ label: entry >>> 12, trafficClass: (entry >>> 9) & 7, ttl: entry & 0xff });
    if (entry & MPLS_BOTTOM) return stack;
  }
  return undefined;
}
