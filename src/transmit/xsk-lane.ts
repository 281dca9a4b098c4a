import { ERRNO } from '../linux/errno.ts';
import { PKT_CONTD, type XskOptions, XskSocket } from '../linux/xsk-socket.ts';

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
}

/**
 * The way to one transmit queue: a socket, and what this side knows of its rings. Indexes and sums count on for ever in 32
 * bits, as the kernel's do.
 */
export class XskLane {
  /** Packets that left since it was opened, their bytes, and how many the link threw away instead. */
  left = 0;
  bytes = 0;
  dropped = 0;
  readonly #socket: XskSocket;
  readonly #slots: XskSlots;
  /** For each descriptor, whole packets and their bytes up to it: where the kernel is tells what it has taken. */
  readonly #packetsAt: Uint32Array;
  readonly #bytesAt: Uint32Array;
  /** The same up to the last descriptor, and bytes of a packet that is not whole yet. */
  #packets = 0;
  #bytes = 0;
  #open = 0;
  /** The same up to where packets were taken. */
  #takenPackets = 0;
  #takenBytes = 0;
  /** Where the next descriptor goes, up to where the kernel took them, and up to where completions were looked at. */
  #producer = 0;
  #consumer = 0;
  #completed = 0;

  constructor(options: Omit<XskOptions, 'shareWith'>, slots: XskSlots, shareWith?: XskLane) {
    this.#socket = new XskSocket({ ...options, ...(shareWith && { shareWith: shareWith.#socket }) });
    this.#slots = slots;
    this.#packetsAt = new Uint32Array(options.entries);
    this.#bytesAt = new Uint32Array(options.entries);
  }

  /** Packets that wait to be taken. */
  get waiting(): number {
    return (this.#packets - this.#takenPackets) >>> 0;
  }

  /** Adds a descriptor of a piece; `more`: of its packet there are others. */
  describe(address: number, length: number, more: boolean): void {
    const { words, entries, mask } = this.#socket.tx;
    const index = this.#producer & mask;
    const at = entries + DESC_WORDS * index;
    words[at] = address;
    words[at + 1] = 0;
    words[at + 2] = length;
    words[at + 3] = more ? PKT_CONTD : 0;
    this.#open += length;
    if (!more) {
      this.#packets = (this.#packets + 1) >>> 0;
      this.#bytes = (this.#bytes + this.#open) >>> 0;
      this.#open = 0;
    }
    this.#packetsAt[index] = this.#packets;
    this.#bytesAt[index] = this.#bytes;
    this.#producer = (this.#producer + 1) >>> 0;
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
    const taken = Atomics.load(words, consumer);
    if (taken === this.#consumer) return 0;
    this.#consumer = taken;
    const last = (taken - 1) & mask;
    const [packetsAt, bytesAt] = [this.#packetsAt[last] ?? 0, this.#bytesAt[last] ?? 0];
    const packets = (packetsAt - this.#takenPackets) >>> 0;
    this.left += packets;
    this.bytes += (bytesAt - this.#takenBytes) >>> 0;
    this.#takenPackets = packetsAt;
    this.#takenBytes = bytesAt;
    return packets;
  }

  /** The packet taken last did not leave. */
  #drop(): void {
    const { mask } = this.#socket.tx;
    let before = (this.#consumer - 1) & mask;
    while (this.#packetsAt[before] === this.#takenPackets) before = (before - 1) & mask;
    this.bytes -= (this.#takenBytes - (this.#bytesAt[before] ?? 0)) >>> 0;
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
