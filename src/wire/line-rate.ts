/** Bytes of the frame check sequence behind a frame. */
export const FCS_LEN = 4;
/** Bytes of preamble and start delimiter before a frame (IEEE 802.3). */
export const PREAMBLE_LEN = 8;
/** Bytes of silence between frames. */
export const INTERFRAME_GAP = 12;

/** Bytes of time a frame takes on the cable; `frameLen` is without FCS, as pkt_size is. */
export const wireLen = (frameLen: number): number => frameLen + FCS_LEN + PREAMBLE_LEN + INTERFRAME_GAP;

/** The most packets per second that the link carries: 14,880,952 for 60 bytes at 10 Gbit/s. */
export const lineRatePps = (frameLen: number, linkBps: number): number => linkBps / (8 * wireLen(frameLen));
