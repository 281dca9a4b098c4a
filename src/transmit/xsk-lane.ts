import { ERRNO } from '../linux/errno.ts';
import { type XskOptions, XskSocket } from '../linux/xsk-socket.ts';

/** Words of a descriptor and of a completed address. */
const [DESC_WORDS, ADDR_WORDS] = [4, 2];
/** What a call that hands over says when it has to be tried again: EINTR is a signal, the others mean no room now. */
const BUSY: ReadonlySet<number> = new Set([-ERRNO.EAGAIN, -ERRNO.ENOBUFS, -ERRNO.EINTR, -ERRNO.ENOMEM]);
/** A packet was taken and thrown away by the link. */
const DROPPED = -ERRNO.EBUSY;

/**
 * The way to one transmit queue: a socket, and what this side knows of its rings. Indexes count on for ever, as the
 * kernel's do, in 32 bits.
 */
export class XskLane {
  readonly #socket: XskSocket;
  /** Slots of the packets that wait to be taken and their pieces, in order: rings as long as the transmit ring. */
  readonly #slots: Uint32Array;
  readonly #pieces: Uint8Array;
  #head = 0;
  #tail = 0;
  /** Where the next descriptor goes, and up to where packets were taken whole. */
  #producer = 0;
  #consumer = 0;
  /** Up to where completions were looked at. */
  #completed = 0;

  constructor(options: Omit<XskOptions, 'shareWith'>, shareWith?: XskLane) {
    this.#socket = new XskSocket({ ...options, ...(shareWith && { shareWith: shareWith.#socket }) });
    this.#slots = new Uint32Array(options.entries);
    this.#pieces = new Uint8Array(options.entries);
  }

  /** Whether packets wait to be taken. */
  get waits(): boolean {
    return this.#head !== this.#tail;
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
    this.#slots[at] = slot;
    this.#pieces[at] = pieces;
  }

  /**
   * Hands over what waits, as far as there is room; calls `left` for each slot whose packet the kernel took, `dropped` as
   * well where the link threw it away. Throws SyscallError for what will not get better.
   */
  flush(left: (slot: number) => void, dropped: (slot: number) => void): void {
    const { tx } = this.#socket;
    Atomics.store(tx.words, tx.producer, this.#producer);
    for (let more = true; more && this.waits; ) {
      const result = this.#socket.needsWakeup ? this.#socket.kick() : 0;
      const before = this.#head;
      this.#take(left);
      more = this.#head !== before;
      if (result === DROPPED && more) dropped(this.#slots[(this.#head - 1) & tx.mask] ?? 0);
      else if (result < 0 && !BUSY.has(result)) throw this.#socket.failure(result);
    }
  }

  #take(left: (slot: number) => void): void {
    const { words, consumer, mask } = this.#socket.tx;
    let descriptors = (Atomics.load(words, consumer) - this.#consumer) >>> 0;
    while (this.waits) {
      const pieces = this.#pieces[this.#head & mask] ?? 1;
      // Of a packet of several pieces, some may have been taken.
      if (descriptors < pieces) return;
      descriptors -= pieces;
      this.#consumer = (this.#consumer + pieces) >>> 0;
      left(this.#slots[this.#head++ & mask] ?? 0);
    }
  }

  /** Calls `done` with the address of each piece that the kernel has let go of. */
  reap(done: (address: number) => void): void {
    const { words, entries, mask, producer, consumer } = this.#socket.completion;
    const until = Atomics.load(words, producer);
    if (until === this.#completed) return;
    for (let at = this.#completed; at !== until; at = (at + 1) >>> 0) {
      done(words[entries + ADDR_WORDS * (at & mask)] ?? 0);
    }
    this.#completed = until;
    Atomics.store(words, consumer, until);
  }

  close(): void {
    this.#socket.close();
  }
}
