/**
 * What a thread's program of live frames and the thread that watches over it share, as 32-bit words of a map. Values of
 * 64 bits take two words, low word first.
 */
export const THREAD = {
  /** How often the program ran; wraps. */
  turns: 0,
  /** The thread that runs it, as the kernel numbers it. */
  tid: 1,
  /** From ktime to the wall clock, ns. */
  wallOffset: 2,
  /** No run begins before this ktime, ns: threads that start together have the same. */
  beginAt: 4,
  /** Links that frames go to, LINK_WORDS each. */
  links: 8,
} as const;

/** A link in the thread's memory. */
export const LINK = {
  ifindex: 0,
  /** Frames that its driver took, and that it did not take. */
  sent: 2,
  dropped: 4,
} as const;
export const LINK_WORDS = 6;
/** The most links that one thread may send to with live frames. */
export const MOST_LINKS = 16;
export const THREAD_WORDS = THREAD.links + MOST_LINKS * LINK_WORDS;
