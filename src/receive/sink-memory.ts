import { RECORD_WORDS } from './flow-record.ts';

/** What a receiver counts besides flows, and what it is told, as 64-bit words of a map. */
export const SINK = {
  /** From ktime to the wall clock, ns. */
  wallOffset: 0,
  /** Flows begun; those beyond the table's end are not in it. */
  flows: 1,
  /** Packets by what became of them. */
  ours: 2,
  foreign: 3,
  truncated: 4,
  fragment: 5,
  /** Ours, of flows that the table has no room for. */
  overflow: 6,
  /** Ours, whose record another CPU would not let go of. */
  busy: 7,
} as const;
export const SINK_WORDS = 16;
/** Bytes of a flow's record. */
export const RECORD_LEN = RECORD_WORDS * 8;
/** The most flows of a table. */
export const MOST_SINK_FLOWS = 65_536;
