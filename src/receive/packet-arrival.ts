/** A packet of pktgen's that has arrived: what an analysis needs of it. */
export interface Arrival {
  /** Sequence number, 32 bits. */
  readonly seq: number;
  /** When it was sent by its own account: seconds and microseconds; both 0 where it carries no time. */
  readonly sec: number;
  readonly usec: number;
  /** Length of the frame, without FCS. */
  readonly bytes: number;
  /** When it came, ns of the wall clock. */
  readonly at: bigint;
}
