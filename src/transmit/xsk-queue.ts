import { ERRNO } from '../linux/errno.ts';
import { Mapping } from '../linux/mmap.ts';
import { PKT_CONTD, XskSocket } from '../linux/xsk-socket.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { longestOnLink } from '../pktgen/link.ts';
import { HEADER_ROOM } from '../template/packet-template.ts';
import { MAX_FRAGS, piecesOf } from './fragments.ts';
import type { FrameQueue } from './frame-queue.ts';

/** How an AF_XDP queue is to be. */
export interface XskQueueOptions {
  readonly ifindex: number;
  /** Transmit queues of the link that packets go to; a socket each. */
  readonly queues: readonly number[];
  /** Longest frame, bytes. */
  readonly slotLen: number;
  readonly zeroCopy?: boolean;
  readonly priority?: number;
  /** Fragments of a packet, besides its first `headers` bytes. */
  readonly frags?: number;
  readonly headers?: number;
}

/** Memory of a page is what a descriptor reaches at most; shorter frames get chunks that lie closer together. */
const PAGE_SIZE = 4096;
const SHORT_CHUNK = 2048;
/** Memory of slots, and how many there are at most. More than a link holds only costs cache. */
const MOST_MEMORY = 32 << 20;
const SLOTS = 1024;
/** Words of a descriptor and of a completed address. */
const [DESC_WORDS, ADDR_WORDS] = [4, 2];
/** What a call that hands over says when it has to be tried again: EINTR is a signal, the others mean no room now. */
const BUSY: ReadonlySet<number> = new Set([-ERRNO.EAGAIN, -ERRNO.ENOBUFS, -ERRNO.EINTR, -ERRNO.ENOMEM]);
/** A packet was taken and thrown away by the link. */
const DROPPED = -ERRNO.EBUSY;

const powerOf2 = (atLeast: number): number => 2 ** Math.ceil(Math.log2(atLeast));

/** A socket, and what this side knows of its rings. */
interface Lane {
  readonly socket: XskSocket;
  readonly queue: number;
  /** Slots of the packets that wait to be taken, in order: a ring as long as the transmit ring. */
  readonly waiting: Uint32Array;
  /** Indexes into `waiting`, counting on for ever. */
  head: number;
  tail: number;
  /** Where the next descriptor goes, and up to where packets were taken whole. */
  producer: number;
  consumer: number;
  /** Up to where completions were looked at. */
  completed: number;
}

/**
 * Frames go to chosen transmit queues of a link through AF_XDP sockets that share their memory; a system call hands over
 * a burst for each queue. In copy mode it takes nothing from the stack; in zero-copy mode a queue's receive side is gone.
 */
export class XskQueue implements FrameQueue {
  readonly memory: ArrayBuffer;
  readonly slotLen: number;
  readonly slots: number;
  readonly stride: number;
  bytes = 0;
  pending = 0;
  dropped = 0;
  readonly #options: Required<XskQueueOptions>;
  readonly #mapping: Mapping;
  readonly #chunkSize: number;
  readonly #entries: number;
  /** A chunk of zeros behind the slots: every fragment, as all of the payload behind the pktgen header is zero. */
  readonly #zeros: number;
  readonly #shift: number;
  /** By slot: pieces in it that the kernel has not let go of, all pieces of its packet, its length. */
  readonly #busy: Uint8Array;
  readonly #pieces: Uint8Array;
  readonly #lengths: Uint32Array;
  #lanes: Lane[] = [];
  /** By number of a transmit queue. */
  readonly #laneOf: (Lane | undefined)[] = [];
  #write = 0;
  /** Packets handed over that the kernel has not let go of. */
  #inFlight = 0;

  constructor(options: XskQueueOptions) {
    this.#options = { zeroCopy: false, priority: 0, frags: 0, headers: 0, ...options };
    const { slotLen, frags } = this.#options;
    this.stride = powerOf2(Math.max(slotLen, HEADER_ROOM, SHORT_CHUNK));
    this.slotLen = this.stride;
    this.#shift = Math.log2(this.stride);
    this.#chunkSize = frags > 0 ? PAGE_SIZE : Math.min(this.stride, PAGE_SIZE);
    this.slots = Math.min(SLOTS, powerOf2(MOST_MEMORY / this.stride));
    const most = Math.ceil(this.stride / this.#chunkSize) + Math.min(Math.max(frags, 0), MAX_FRAGS);
    this.#entries = powerOf2(this.slots * most);
    this.#zeros = this.slots * this.stride;
    this.#busy = new Uint8Array(this.slots);
    this.#pieces = new Uint8Array(this.slots);
    this.#lengths = new Uint32Array(this.slots);
    this.#mapping = Mapping.anonymous(this.#zeros + PAGE_SIZE);
    this.memory = this.#mapping.memory;
    try {
      this.#openLanes();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #openLanes(): void {
    const { ifindex, queues, zeroCopy, priority } = this.#options;
    const umem = { mapping: this.#mapping, chunkSize: this.#chunkSize };
    const multiBuffer = this.#entries > this.slots;
    for (const queue of queues) {
      const [first] = this.#lanes;
      const shareWith = first && { shareWith: first.socket };
      const entries = this.#entries;
      const socket = new XskSocket({ ifindex, queue, umem, ...shareWith, entries, zeroCopy, multiBuffer, priority });
      const waiting = new Uint32Array(entries);
      const lane = { socket, queue, waiting, head: 0, tail: 0, producer: 0, consumer: 0, completed: 0 };
      this.#lanes.push(lane);
      this.#laneOf[queue] = lane;
    }
  }

  /** The sockets go, and with them what they have not taken. */
  #closeLanes(): void {
    // The one whose memory the others share goes last.
    for (const { socket } of this.#lanes.splice(0).reverse()) socket.close();
    this.#laneOf.length = 0;
    this.#busy.fill(0);
    this.#inFlight = 0;
    this.pending = 0;
  }

  get at(): number {
    return this.#write * this.stride;
  }

  reserve(most: number): number {
    const free = this.#free(most);
    if (free > 0) return free;
    this.#reap();
    return this.#free(most);
  }

  #free(most: number): number {
    const end = Math.min(this.#write + most, this.slots);
    let slot = this.#write;
    while (slot < end && this.#busy[slot] === 0) slot++;
    return slot - this.#write;
  }

  commit(frames: number, lengths: Uint32Array, queues: Uint16Array): void {
    if (this.#lanes.length === 0) this.#openLanes();
    const { frags, headers } = this.#options;
    let slot = this.#write;
    for (let n = 0; n < frames; n++, slot++) {
      const length = lengths[n] ?? 0;
      const lane = this.#laneOf[queues[n] ?? 0] ?? this.#lanes[0];
      if (!lane) throw new RangeError('no transmit queue');
      if (frags <= 0 && length <= this.#chunkSize) {
        this.#describe(lane, slot * this.stride, length, 0);
        this.#busy[slot] = 1;
        this.#pieces[slot] = 1;
      } else this.#describePieces(lane, slot, length, headers, frags);
      this.#lengths[slot] = length;
      lane.waiting[lane.tail++ & lane.socket.tx.mask] = slot;
    }
    this.#write = slot === this.slots ? 0 : slot;
    this.pending += frames;
  }

  #describe(lane: Lane, address: number, length: number, options: number): void {
    const { words, entries, mask } = lane.socket.tx;
    const at = entries + DESC_WORDS * (lane.producer & mask);
    words[at] = address;
    words[at + 1] = 0;
    words[at + 2] = length;
    words[at + 3] = options;
    lane.producer = (lane.producer + 1) >>> 0;
  }

  /** Describes a packet of several pieces. What is longer than a chunk is cut again. */
  #describePieces(lane: Lane, slot: number, length: number, headers: number, frags: number): void {
    const { linear, fragments } = piecesOf(length, headers, frags);
    const own = Math.ceil(linear / this.#chunkSize);
    const all = own + fragments.length;
    for (let piece = 0; piece < all; piece++) {
      const from = piece * this.#chunkSize;
      const options = piece < all - 1 ? PKT_CONTD : 0;
      if (piece >= own) this.#describe(lane, this.#zeros, fragments[piece - own] ?? 0, options);
      else this.#describe(lane, slot * this.stride + from, Math.min(this.#chunkSize, linear - from), options);
    }
    this.#busy[slot] = own;
    this.#pieces[slot] = all;
  }

  flush(): number {
    if (this.pending === 0) return 0;
    let frames = 0;
    let refused = 0;
    for (const lane of this.#lanes) {
      if (lane.head === lane.tail) continue;
      const { tx } = lane.socket;
      Atomics.store(tx.words, tx.producer, lane.producer);
      for (;;) {
        const result = lane.socket.needsWakeup ? lane.socket.kick() : 0;
        const taken = this.#take(lane);
        frames += taken;
        if (result === DROPPED && taken > 0) {
          this.dropped++;
          frames--;
          this.bytes -= this.#lengths[lane.waiting[(lane.head - 1) & tx.mask] ?? 0] ?? 0;
        } else if (result < 0 && !BUSY.has(result)) refused = result;
        if (lane.head === lane.tail || taken === 0 || refused < 0) break;
      }
      if (refused < 0) throw lane.socket.failure(refused);
    }
    this.#reap();
    return frames;
  }

  /** Notes the packets that the kernel has taken from a transmit ring; how many. */
  #take(lane: Lane): number {
    const { tx } = lane.socket;
    let descriptors = (Atomics.load(tx.words, tx.consumer) - lane.consumer) >>> 0;
    let frames = 0;
    while (lane.head !== lane.tail) {
      const slot = lane.waiting[lane.head & tx.mask] ?? 0;
      const pieces = this.#pieces[slot] ?? 1;
      // Of a packet of several pieces, some may have been taken.
      if (descriptors < pieces) break;
      descriptors -= pieces;
      lane.consumer = (lane.consumer + pieces) >>> 0;
      lane.head++;
      this.bytes += this.#lengths[slot] ?? 0;
      frames++;
    }
    this.pending -= frames;
    this.#inFlight += frames;
    return frames;
  }

  /** Frees the slots whose packets the kernel has let go of. */
  #reap(): void {
    for (const lane of this.#lanes) {
      const { words, entries, mask, producer, consumer } = lane.socket.completion;
      const until = Atomics.load(words, producer);
      if (until === lane.completed) continue;
      for (let at = lane.completed; at !== until; at = (at + 1) >>> 0) {
        const slot = (words[entries + ADDR_WORDS * (at & mask)] ?? 0) >>> this.#shift;
        // Zeros of fragments lie behind the slots.
        if (slot >= this.slots) continue;
        const left = (this.#busy[slot] ?? 0) - 1;
        this.#busy[slot] = left;
        if (left === 0) this.#inFlight--;
      }
      lane.completed = until;
      Atomics.store(words, consumer, until);
    }
  }

  discard(): number {
    const frames = this.pending;
    // What a socket was told of cannot be taken back from it.
    if (frames > 0) this.#closeLanes();
    return frames;
  }

  longestFrame({ link }: TransmitJob): number {
    return longestOnLink(link.mtu);
  }

  drained(): boolean {
    this.#reap();
    return this.#inFlight === 0;
  }

  close(): void {
    this.#closeLanes();
    this.#mapping.close();
  }
}
