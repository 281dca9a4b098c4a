import type { SealCrypto } from './seal-crypto.ts';
import type { SecurityAssociation } from './security-association.ts';

/** Memory in which a packet lies, with a view of the same bytes. */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** The sequence number of the packet in work: `low` stands in it; `high` is 0 but for 64-bit numbers (ESN). */
export interface SequenceNumber {
  readonly high: number;
  readonly low: number;
}

/** What sealing with one association needs. */
export interface SealContext {
  readonly association: SecurityAssociation;
  readonly crypto: SealCrypto;
  /** Changes from packet to packet. */
  readonly number: SequenceNumber;
  /** Random bytes for IVs: SALT_LEN. */
  readonly salt: Uint8Array;
}

/** Where the parts of a packet lie, once its payload has made room. */
export interface Places {
  /** The IP header before the transform. */
  readonly ip: number;
  /** The first byte of the transform. */
  readonly start: number;
  readonly payload: number;
  readonly payloadEnd: number;
  /** The end of the packet. */
  readonly end: number;
}

/** ESP or AH of one association, in either mode. */
export interface Transform {
  /** The IP protocol that announces it: ESP, AH, or UDP around ESP. */
  readonly protocol: number;
  /** Bytes that follow a payload of so many bytes. */
  readonly tailLen: (payloadLen: number) => number;
  /** Writes all around a payload of the IP protocol `next`, and encrypts it. The IP header is complete. */
  readonly write: (frame: Frame, places: Places, next: number) => void;
}
