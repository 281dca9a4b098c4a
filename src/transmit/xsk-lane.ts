import { ERRNO } from '../linux/errno.ts';
import { type XskOptions, XskSocket } from '../linux/xsk-socket.ts';

/** Words of a descriptor and of a completed address. */
const [DESC_WORDS, ADDR_WORDS] = [4, 2];
/** What a call that hands over says when it has to be tried again: EINTR is a signal, the others mean no room now. */
const BUSY: ReadonlySet<number> = new Set([-ERRNO.EAGAIN, -ERRNO.ENOBUFS, -ERRNO.EINTR, -ERRNO.ENOMEM]);
/** A packet was taken and thrown away by the link. */
const DROPPED = -ERRNO.EBUSY;

/** What the lanes of a queue know of its slots. */
export interface XskSlots {
  readonly count: number;
  /** A slot's number is its address, shifted right by so many bits. */
  readonly shift: number;
  /** Pieces of the packet in a slot that the kernel has not let go of. */
  readonly busy: Uint8Array;
  /** Lengths of the packets. */
  readonly lengths: Uint32Array;
}

/**
 * The way to one transmit queue: a socket, and what this side knows of its rings. Indexes count on for ever, as the
 * kernel's do, in 32 bits.
 */
export class XskLane {
  /** Packets that left since it was opened, their bytes, and how many the link threw away instead. */
  left = 0;
  bytes = 0;
  dropped = 0;
  readonly #socket: XskSocket;
  readonly #slots: XskSlots;
  /** Slots of the packets that wait to be taken and their pieces, in order: rings as long as the transmit ring. */
  readonly #waiting: Uint32Array;
  readonly #pieces: Uint8Array;
  #head = 0;
  #tail = 0;
  /** Where the next descriptor goes, and up to where packets were taken whole. */
  #producer = 0;
  #consumer = 0;
  /** Up to where completions were looked at. */
  #completed = 0;

  constructor(options: Omit<XskOptions, 'shareWith'>, slots: XskSlots, shareWith?: XskLane) {
    this.#socket = new XskSocket({ ...options, ...(shareWith && { shareWith: shareWith.#socket }) });
    this.#slots = slots;
    this.#waiting = new Uint32Array(options.entries);
    this.#pieces = new Uint8Array(options.entries);
  }

  /** Packets that wait to be taken. */
  get waiting(): number {
    return this.#tail - this.#head;
  }

  /** Adds a descriptor of a piece; its packet is complete when add() follows. */
  describe(address: number, length: number, options: number): void {
    const { words, entries, mask } = this.#socket.tx;
    const at = entries + DESC_WORDS * (this.#producer & mask);
    words[at] = address;
    words[at + 1] = 0;
    words[at + 2] = length;
    words[at + 3] = options;
    this.#producer = (this.#producer + 1) >>> 0;
  }

  /** The last so many descriptors are the packet in a slot. */
  add(slot: number, pieces: number): void {
    const at = this.#tail++ & this.#socket.tx.mask;
    this.#waiting[at] = slot;
    this.#pieces[at] = pieces;
  }

  /** Hands over what waits, as far as there is room. Throws SyscallError for what will not get better. */
  flush(): void {
    const { words, producer } = this.#socket.tx;
    Atomics.store(words, producer, this.#producer);
    for (let more = true; more && this.waiting > 0; ) {
      const result = this.#socket.needsWakeup ? this.#socket.kick() : 0;
      more = this.#take() > 0;
      if (result === DROPPED && more) this.#drop();
      else if (result < 0 && !BUSY.has(result)) throw this.#socket.failure(result);
    }
  }

  /** Takes note of the packets that the kernel took; how many. */
  #take(): number {
    const { words, consumer, mask } = this.#socket.tx;
    const { lengths } = this.#slots;
    let descriptors = (Atomics.load(words, consumer) - this.#consumer) >>> 0;
    let [packets, bytes] = [0, 0];
    while (this.#head !== this.#tail) {
      const at = this.#head & mask;
      const pieces = this.#pieces[at] ?? 1;
      // Of a packet of several pieces, some may have been taken.
      if (descriptors < pieces) break;
      descriptors -= pieces;
      this.#consumer = (this.#consumer + pieces) >>> 0;
      bytes += lengths[this.#waiting[at] ?? 0] ?? 0;
      this.#head++;
      packets++;
    }
    this.left += packets;
    this.bytes += bytes;
    return packets;
  }

  /** The packet taken last did not leave. */
  #drop(): void {
    const slot = this.#waiting[(this.#head - 1) & this.#socket.tx.mask] ?? 0;
    this.bytes -= this.#slots.lengths[slot] ?? 0;
    this.left--;
    this.dropped++;
  }

  /** Frees the slots whose packets the kernel has let go of; how many. */
  reap(): number {
    const { words, entries, mask, producer, consumer } = this.#socket.completion;
    const { count, shift, busy } = this.#slots;
    const until = Atomics.load(words, producer);
    if (until === this.#completed) return 0;
    let freed = 0;
    for (let at = this.#completed; at !== until; at = (at + 1) >>> 0) {
      const slot = (words[entries + ADDR_WORDS * (at & mask)] ?? 0) >>> shift;
      // Zeros of fragments lie behind the slots.
      if (slot >= count) continue;
      const pieces = (busy[slot] ?? 0) - 1;
      busy[slot] = pieces;
      if (pieces === 0) freed++;
    }
    this.#completed = until;
    Atomics.store(words, consumer, until);
    return freed;
  }

  close(): void {
    this.#socket.close();
  }
}
