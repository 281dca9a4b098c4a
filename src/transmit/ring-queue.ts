import { TP_STATUS, TxRingSocket, tpacket2Hdr, virtioNetHdr } from '../linux/af-packet.ts';
import { ERRNO } from '../linux/errno.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { longestOnLink } from '../pktgen/link.ts';
import { HEADER_ROOM } from '../template/packet-template.ts';
import { piecesOf } from './fragments.ts';
import type { FrameQueue } from './frame-queue.ts';

/** How a ring is to be. */
export interface RingOptions {
  readonly ifindex: number;
  /** Longest frame, bytes. */
  readonly slotLen: number;
  /** Past the queueing discipline (start_xmit), or through it (queue_xmit). */
  readonly bypassQdisc: boolean;
  readonly priority: number;
  /** Fragments of a packet, besides its first `headers` bytes: what is behind them is not copied. 0: as costs least. */
  readonly frags?: number;
  readonly headers?: number;
}

/**
 * Slots of a ring. A veth lets go of a frame while it still waits in the far end's backlog, at most
 * net.core.netdev_max_backlog (1000) of them; until then its bytes must stay, so a slot must not come round earlier.
 */
const SLOTS = 4096;
/** Bytes of a slot before its frame. */
const BEFORE_FRAME = tpacket2Hdr.size + virtioNetHdr.size;
/** Frames up to this length are copied whole when they are handed over, of longer ones the headers: that costs less. */
const COPIED = 2048;
/** Memory of a ring whose slots are long. */
const MOST_MEMORY = 64 << 20;
/** Results of a look through the ring that mean: try again. EINTR: a signal came; the others: no room at the moment. */
const BUSY: ReadonlySet<number> = new Set([-ERRNO.EAGAIN, -ERRNO.ENOBUFS, -ERRNO.EINTR, -ERRNO.ENOMEM]);

/** Frames go to a link through a ring that is shared with the kernel; one system call for a burst. */
export class RingQueue implements FrameQueue {
  readonly memory: ArrayBuffer;
  readonly slotLen: number;
  readonly slots: number;
  readonly stride: number;
  bytes = 0;
  pending = 0;
  readonly dropped = 0;
  readonly #socket: TxRingSocket;
  /** Status and length words of all slots. */
  readonly #words: Int32Array;
  readonly #frameWords: number;
  readonly #frags: number;
  readonly #headers: number;
  /** Slots, counted in words: written next, handed over next. */
  #write = 0;
  #taken = 0;
  /** Slots handed over that may still be the kernel's. */
  #inFlight = 0;

  constructor({ ifindex, slotLen, bypassQdisc, priority, frags = 0, headers = 0 }: RingOptions) {
    this.#frags = frags;
    this.#headers = headers;
    const needed = BEFORE_FRAME + Math.max(slotLen, HEADER_ROOM);
    const frameSize = 2 ** Math.ceil(Math.log2(needed));
    const frames = Math.min(SLOTS, Math.floor(MOST_MEMORY / frameSize));
    this.#socket = new TxRingSocket({ ifindex, frameSize, frames, bypassQdisc, priority });
    this.memory = this.#socket.memory;
    this.slots = this.memory.byteLength / frameSize;
    this.slotLen = frameSize - BEFORE_FRAME;
    this.#words = new Int32Array(this.memory);
    this.stride = frameSize;
    this.#frameWords = frameSize / 4;
  }

  get at(): number {
    return this.#write * 4 + BEFORE_FRAME;
  }

  reserve(most: number): number {
    const words = this.#words;
    const stride = this.#frameWords;
    let slot = this.#write;
    let free = 0;
    while (free < most && slot < words.length && Atomics.load(words, slot) === TP_STATUS.AVAILABLE) {
      slot += stride;
      free++;
    }
    return free;
  }

  commit(frames: number, lengths: Uint32Array): void {
    const words = this.#words;
    let slot = this.#write;
    for (let n = 0; n < frames; n++) {
      const length = lengths[n] ?? 0;
      words[slot + tpacket2Hdr.len / 4] = length + virtioNetHdr.size;
      // flags and gso_type are 0, the upper half of the word is hdr_len.
      words[slot + tpacket2Hdr.size / 4] = this.#copied(length) << 16;
      Atomics.store(words, slot, TP_STATUS.SEND_REQUEST);
      slot += this.#frameWords;
    }
    this.#write = slot === words.length ? 0 : slot;
    this.pending += frames;
  }

  /** Bytes of a frame that are copied; the rest becomes fragments, one for each page that it lies in. */
  #copied(length: number): number {
    if (this.#frags > 0) return piecesOf(length, this.#headers, this.#frags).linear;
    return length > COPIED ? HEADER_ROOM : length;
  }

  flush(): number {
    if (this.pending === 0) return 0;
    const result = this.#socket.kick();
    let frames = 0;
    let bytes = 0;
    const words = this.#words;
    // The kernel takes slots in turn; one that it refused for now still asks to be sent.
    while (this.pending > 0 && Atomics.load(words, this.#taken) !== TP_STATUS.SEND_REQUEST) {
      bytes += (words[this.#taken + tpacket2Hdr.len / 4] ?? 0) - virtioNetHdr.size;
      this.#taken = this.#next(this.#taken);
      this.pending--;
      frames++;
    }
    this.#inFlight = Math.min(this.#inFlight + frames, this.slots);
    if (result < 0 && !BUSY.has(result)) throw this.#socket.failure(result);
    this.bytes += bytes;
    return frames;
  }

  discard(): number {
    const frames = this.pending;
    for (let slot = this.#taken; this.pending > 0; slot = this.#next(slot)) {
      Atomics.store(this.#words, slot, TP_STATUS.AVAILABLE);
      this.pending--;
    }
    // The kernel's next slot is the one that it would not take.
    this.#write = this.#taken;
    return frames;
  }

  longestFrame({ link }: TransmitJob): number {
    return longestOnLink(link.mtu);
  }

  drained(): boolean {
    // Slots are used in turn: those handed over last are let go of last.
    while (this.#inFlight > 0) {
      const oldest = (this.#taken - this.#inFlight * this.#frameWords + this.#words.length) % this.#words.length;
      if (Atomics.load(this.#words, oldest) !== TP_STATUS.AVAILABLE) return false;
      this.#inFlight--;
    }
    return true;
  }

  #next(slot: number): number {
    const next = slot + this.#frameWords;
    return next === this.#words.length ? 0 : next;
  }

  close(): void {
    this.#socket.close();
  }
}
