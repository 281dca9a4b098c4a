/** What a receiver counts besides flows, and what it is told, as 64-bit words of a map. */
export const SINK = {
  /** From ktime to the wall clock, ns. */
  wallOffset: 0,
  /** Flows begun; those beyond the table's end are not in it. */
  flows: 1,
  /** The place of the flow that the last packet was of: the next one is often of the same. */
  last: 2,
  /** Frames by what became of them; ours are in the records of flows. */
  foreign: 3,
  truncated: 4,
  fragment: 5,
  /** Ours, of flows that the table has no room for. */
  overflow: 6,
  /** Ours, whose record another CPU would not let go of. */
  busy: 7,
} as const;
export const SINK_WORDS = 16;
/** The most flows of a table. */
export const MOST_SINK_FLOWS = 65_536;

/** What arrived, kept for a capture file: the number of packets that were to be kept, then a slot for each. */
export const CAPTURE = { slots: 64, slotLen: 2048, at: 0, length: 8, captured: 12, bytes: 16 } as const;
/** Bytes of a packet that are kept at most. */
export const CAPTURE_SNAPLEN = CAPTURE.slotLen - CAPTURE.bytes;
/** The most packets that are kept: 200 MB of them. */
export const MOST_CAPTURED = 100_000;
/** Bytes of the memory for so many. */
export const captureLen = (packets: number): number => CAPTURE.slots + packets * CAPTURE.slotLen;
