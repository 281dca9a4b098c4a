import { headerLen, mostGrowth, type SecurityAssociation, unusable } from '../ipsec/security-association.ts';
import type { FieldModifier, FrameField } from './field-modifier.ts';
import type { SizeRule } from './size-rule.ts';

/** A field whose value is a state word, written as it stands when the executor is made or by a modifier later. */
export interface Placement {
  readonly state: number;
  readonly field: FrameField;
  /** Bits of the state word that the field does not show, and bits that it shows besides. */
  readonly clear?: number;
  readonly add?: number;
}

/** Where the lengths and checksums that follow from the rest lie. All offsets are in bytes from the Ethernet header. */
export interface Fixups {
  readonly ip: 4 | 6;
  /** Offset of the IP header. */
  readonly l3: number;
  /** Offset of the UDP header. */
  readonly l4: number;
  /** Offset of the pktgen header. */
  readonly payload: number;
  /** Writes the UDP checksum (flag UDPCSUM): always the whole sum, also where a kernel would leave it to the link. */
  readonly udpChecksum: boolean;
  /** Writes time into the pktgen header (not NO_TIMESTAMP). */
  readonly timestamp: boolean;
  /** Offset of the 16 bits that take what microseconds leave of the time, ns; absent where packets do not carry it. */
  readonly nsec?: number;
}

/** IPsec (flag IPSEC): which associations flows may find, and how. */
export interface SealRule {
  readonly associations: readonly SecurityAssociation[];
  /** The association to take; 0: the one of the packet's addresses. */
  readonly spi: number;
  /** Packets carry sequence numbers that count; otherwise 0, as the kernel's. */
  readonly sequence: boolean;
}

/**
 * What to send, as plain data that can be posted to a worker: the frame's constant bytes and how the others come about.
 * Executors know modifiers, never parameters.
 */
export interface PacketTemplate {
  /** Ethernet header to the end of the pktgen header, or of its trailer: only zeros follow. Fields named below may hold anything. */
  readonly frame: Uint8Array;
  readonly placements: readonly Placement[];
  readonly modifiers: readonly FieldModifier[];
  readonly size: SizeRule;
  /** Bytes of a packet that are not payload, as counted when a size becomes a payload length. */
  readonly overhead: number;
  readonly fixups: Fixups;
  /** Packets whose flow finds an association are put into ESP or AH; absent where none can. */
  readonly seal?: SealRule;
}

/** The least payload: a pktgen header. */
export const MIN_PAYLOAD = 16;

/** Whether flows count their own sequence numbers. */
export const countsPerFlow = ({ modifiers }: PacketTemplate): boolean =>
  modifiers.some(({ kind }) => kind === 'flow-tag');

/** Frame length of a packet of this size: a payload is never shorter than a pktgen header. */
export const frameLength = (template: PacketTemplate, size: number): number =>
  template.fixups.payload + Math.max(MIN_PAYLOAD, size - template.overhead);

/** The longest frame that the template gives from a state with this curPktSize. */
export function longestFrame(template: PacketTemplate, curPktSize: number): number {
  const { size } = template;
  const largest =
    size.kind === 'fixed'
      ? curPktSize
      : size.kind === 'imix'
        ? Math.max(...size.sizes)
        : Math.max(size.max, curPktSize);
  const sealing = template.seal?.associations.filter((one) => unusable(one) === undefined) ?? [];
  return frameLength(template, largest | 0) + Math.max(0, ...sealing.map((one) => headerLen(one) + mostGrowth(one)));
}

/** Bytes at the start of a slot that a template may have written: the longest header stack, rounded up. */
export const HEADER_ROOM = 256;
