/** A packet of pktgen's that has arrived: what an analysis needs of it. */
export interface Arrival {
  /** Sequence number, 32 bits. */
  readonly seq: number;
  /** When it was sent by its own account: seconds since 1970, and ns; both 0 where it carries no time. */
  readonly sec: number;
  readonly nsec: number;
  /** Length of the frame, without FCS. */
  readonly bytes: number;
  /** When it came, by the wall clock: seconds since 1970, and ns. */
  readonly atSec: number;
  readonly atNsec: number;
}
