/** The most fragments of a packet (MAX_SKB_FRAGS). */
export const MAX_FRAGS = 17;
const PAGE_SIZE = 4096;

/** How a packet is cut into the pieces that a driver gets. */
export interface Pieces {
  /** Bytes of the first piece: headers, the pktgen header, and what the fragments have no room for. */
  readonly linear: number;
  /** Bytes of each fragment, in order. Those without bytes are left out. */
  readonly fragments: readonly number[];
}

/**
 * Cuts the payload behind the pktgen header into `frags` pieces of the same length, the last one with the rest; none is
 * longer than a page (pktgen_finalize_skb). `headers`: bytes up to the end of the pktgen header.
 */
export function piecesOf(length: number, headers: number, frags: number): Pieces {
  const wanted = Math.min(frags, MAX_FRAGS);
  if (wanted <= 0 || length <= headers) return { linear: length, fragments: [] };
  const rest = Math.min(length - headers, wanted * PAGE_SIZE);
  const each = Math.min(Math.floor(rest / wanted), PAGE_SIZE);
  const last = rest - each * (wanted - 1);
  const fragments = [...Array.from({ length: wanted - 1 }, () => each), last].filter((bytes) => bytes > 0);
  return { linear: length - rest, fragments };
}
