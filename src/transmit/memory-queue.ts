import { HEADER_ROOM } from '../template/packet-template.ts';
import type { FrameQueue } from './frame-queue.ts';

/** What an IP packet and its link layer can be at most. */
export const LONGEST_FRAME = 65_600;
/** Slots of a queue in ordinary memory. */
const SLOTS = 64;

/** Takes every frame of a burst: `frames` of them in turn, their bytes at the offsets given. */
export interface FrameSink {
  take(memory: Uint8Array, at: number, length: number): void;
  /** A burst is complete. */
  end?(): void;
  close?(): void;
}

/** Frames go to a function: nowhere, to a file, to a test. */
export class MemoryQueue implements FrameQueue {
  readonly memory: ArrayBuffer;
  readonly slotLen: number;
  readonly slots = SLOTS;
  readonly stride: number;
  bytes = 0;
  pending = 0;
  readonly dropped = 0;
  readonly #bytes: Uint8Array;
  readonly #lengths = new Uint32Array(SLOTS);
  readonly #sink: FrameSink | undefined;
  #write = 0;
  #pendingBytes = 0;

  constructor(slotLen: number, sink?: FrameSink) {
    this.slotLen = Math.max(slotLen, HEADER_ROOM);
    this.stride = this.slotLen;
    this.memory = new ArrayBuffer(this.slotLen * SLOTS);
    this.#bytes = new Uint8Array(this.memory);
    this.#sink = sink;
  }

  get at(): number {
    return this.#write * this.slotLen;
  }

  reserve(most: number): number {
    return Math.min(most, SLOTS - this.pending, SLOTS - this.#write);
  }

  commit(frames: number, lengths: Uint32Array): void {
    for (let n = 0; n < frames; n++) {
      const length = lengths[n] ?? 0;
      this.#lengths[this.#write + n] = length;
      this.#pendingBytes += length;
    }
    const next = this.#write + frames;
    this.#write = next === SLOTS ? 0 : next;
    this.pending += frames;
  }

  flush(): number {
    const frames = this.pending;
    // Frames that cannot be taken whole are none that left: the sink throws then.
    if (this.#sink) this.#give(this.#sink, frames);
    this.pending = 0;
    this.bytes += this.#pendingBytes;
    this.#pendingBytes = 0;
    return frames;
  }

  discard(): number {
    const frames = this.pending;
    this.pending = 0;
    this.#pendingBytes = 0;
    return frames;
  }

  #give(sink: FrameSink, frames: number): void {
    for (let n = frames; n > 0; n--) {
      const slot = (this.#write - n + SLOTS) % SLOTS;
      sink.take(this.#bytes, slot * this.slotLen, this.#lengths[slot] ?? 0);
    }
    sink.end?.();
  }

  longestFrame(): number {
    return LONGEST_FRAME;
  }

  drained(): boolean {
    return true;
  }

  close(): void {
    this.#sink?.close?.();
  }
}
