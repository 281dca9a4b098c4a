import type { TransmitJob } from '../pktgen/engine.ts';

/**
 * Where frames of the JavaScript loop go: null, pcap, ring (AF_PACKET), xsk (AF_XDP). One thread uses it, and no call
 * allocates. Slots are used in turn, so that what a slot held last is still there when it is used again.
 */
export interface FrameQueue {
  /** Memory that slots lie in; offsets count from its start. */
  readonly memory: ArrayBufferLike;
  /** Longest frame that a slot takes, bytes. */
  readonly slotLen: number;
  /** Longest frame of a job that leaves: its link may take shorter ones only. */
  longestFrame(job: TransmitJob): number;
  /** Slots of a round. */
  readonly slots: number;
  /** From a slot to the next, bytes. */
  readonly stride: number;
  /** Where the next frame is to be written; meaningless while reserve() gives none. */
  readonly at: number;
  /** How many slots are free from `at` on without a gap, at most `most`. 0: no room. */
  reserve(most: number): number;
  /** The next slots hold frames of these lengths, for these transmit queues of the link. */
  commit(frames: number, lengths: Uint32Array, queues: Uint16Array): void;
  /**
   * Hands over what was committed. Returns how many frames left; those that the link was too busy for stay committed and
   * go with the next call. Throws SyscallError for what will not get better: link down or gone, disk full.
   */
  flush(): number;
  /** Takes back what was committed and not handed over. Returns how many frames that were. */
  discard(): number;
  /** Bytes of the frames that left, since the queue was opened. */
  readonly bytes: number;
  /** Frames that the link took and threw away, since the queue was opened; flush() does not count them. */
  readonly dropped: number;
  /** Frames committed and not yet handed over. */
  readonly pending: number;
  /** Whether the link has let go of everything that was handed over (pktgen_wait_for_skb). */
  drained(): boolean;
  close(): void;
}
