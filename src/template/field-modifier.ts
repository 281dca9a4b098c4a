/** A big-endian field of the frame. */
export interface FrameField {
  readonly offset: number;
  readonly width: 2 | 4;
}

/** Walking: from the state's value to the next. Random: drawn for each packet. */
export type Order = 'walk' | 'random';

/** Picks the packet's flow (f_pick of the kernel); modifiers with `perFlow` keep their value for a flow's life. */
export interface FlowModifier {
  readonly kind: 'flow';
  readonly flows: number;
  /** Packets of a flow before it begins anew. Walking flows end after `flowLen` packets, random ones after one more. */
  readonly flowLen: number;
  readonly order: Order;
}

/** Shows the packet's flow, and has each flow count its own sequence numbers. */
export interface FlowTagModifier {
  readonly kind: 'flow-tag';
  readonly state: number;
  readonly field: FrameField;
  /** The tag of the first flow; that of a flow is so much more than its number, modulo 2^16. */
  readonly first: number;
}

/** A number that goes through min..max: UDP ports, IPv4 addresses, transmit queues. */
export interface RangeModifier {
  readonly kind: 'range';
  /** State word of the current value. The value advances before a packet is written. */
  readonly state: number;
  /** Absent for a value that is not in the packet (the transmit queue). */
  readonly field?: FrameField;
  /** Bits of the value, where a walk wraps: 16 for ports and queues, 32 for addresses. */
  readonly bits: 16 | 32;
  readonly min: number;
  readonly max: number;
  readonly order: Order;
  /** Whether a walk visits `max`, and whether a draw may give it. */
  readonly includesMax: { readonly walk: boolean; readonly random: boolean };
  /** Draws again while an IPv4 address is loopback, multicast, broadcast or of the zero network. */
  readonly unicast?: boolean;
  /** Advances only when a flow begins. */
  readonly perFlow?: boolean;
}

/** Adds 0..count-1 to a MAC address, byte by byte with the kernel's carry, which stops at byte 1. */
export interface MacCountModifier {
  readonly kind: 'mac-count';
  readonly state: number;
  /** Offset of the address in the frame. */
  readonly at: number;
  /** The six bytes that are added to. */
  readonly base: readonly number[];
  readonly count: number;
  readonly order: Order;
}

/** Random bits under masks: VLAN ids, MPLS labels, IPv6 addresses. state = (draw | set) & keep | mark. */
export interface RandomBitsModifier {
  readonly kind: 'random-bits';
  readonly state: number;
  readonly field: FrameField;
  readonly set: number;
  readonly keep: number;
  readonly mark: number;
  /** The field is the state without these bits … */
  readonly clear: number;
  /** … and with these. */
  readonly add: number;
}

/** How something of the packet changes from packet to packet; applied in the order of the template. */
export type FieldModifier = FlowModifier | FlowTagModifier | RangeModifier | MacCountModifier | RandomBitsModifier;
