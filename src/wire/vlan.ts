import { requireRange } from './field-range.ts';

/** Bytes that a tag adds to a frame (VLAN_HLEN). */
export const VLAN_TAG_LEN = 4;
/**
 * Byte offsets inside struct vlan_hdr, which begins behind the EtherType that announces the tag: 0x8100 for 802.1Q,
 * 0x88a8 for the outer tag of 802.1ad.
 */
export const vlanField = { tci: 0, type: 2 } as const;

/** A tag of 802.1Q or 802.1ad: `type` is the EtherType of what follows, which may be another tag. */
export interface VlanTag {
  /** 0 to 4095; 0 carries a priority only. */
  readonly id: number;
  /** 0 to 7 (PCP). */
  readonly priority: number;
  /** Drop eligible indicator; the kernel's pktgen calls it CFI. */
  readonly dei: boolean;
  readonly type: number;
}

/** Tag control information of IEEE 802.1Q: id 0 to 4095, priority 0 to 7, drop eligible (CFI). RangeError beyond. */
export function tci(id: number, priority: number, dei: boolean): number {
  requireRange('VLAN id', id, 0xfff);
  requireRange('VLAN priority', priority, 7);
  return (priority << 13) | (dei ? 0x1000 : 0) | id;
}

/** Writes a tag behind the type field that announces it. RangeError when it does not fit or a value is too large. */
export function emitVlan(frame: DataView, at: number, { id, priority, dei, type }: VlanTag): void {
  requireRange('VLAN type', type, 0xffff);
  frame.setUint16(at + vlanField.tci, tci(id, priority, dei));
  frame.setUint16(at + vlanField.type, type);
}

/** Reads a tag behind the type field that announced it; undefined when the frame is truncated. */
export function parseVlan(frame: DataView, at: number): VlanTag | undefined {
  if (at + VLAN_TAG_LEN > frame.byteLength) return undefined;
  const control = frame.getUint16(at + vlanField.tci);
  return {
    id: control & 0xfff,
    priority: control >>> 13,
    dei: (control & 0x1000) !== 0,
    type: frame.getUint16(at + vlanField.type),
  };
}
