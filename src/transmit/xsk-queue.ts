import { Mapping } from '../linux/mmap.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { longestOnLink } from '../pktgen/link.ts';
import { HEADER_ROOM } from '../template/packet-template.ts';
import { MAX_FRAGS, piecesOf } from './fragments.ts';
import type { FrameQueue } from './frame-queue.ts';
import { XskLane, type XskSlots } from './xsk-lane.ts';

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

/** What a descriptor reaches at most and at least (XDP_UMEM_MIN_CHUNK_SIZE). */
const PAGE_SIZE = 4096;
const LEAST_CHUNK = 2048;
/** Memory of slots, and how many there are at most. More than a link holds only costs cache. */
const MOST_MEMORY = 32 << 20;
const SLOTS = 1024;
const powerOf2 = (atLeast: number): number => 2 ** Math.ceil(Math.log2(atLeast));

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
  readonly #slots: XskSlots;
  #lanes: XskLane[] = [];
  /** By number of a transmit queue. */
  readonly #laneOf: (XskLane | undefined)[] = [];
  #write = 0;
  /** Packets handed over that the kernel has not let go of. */
  #inFlight = 0;

  constructor(options: XskQueueOptions) {
    this.#options = { zeroCopy: false, priority: 0, frags: 0, headers: 0, ...options };
    const { slotLen, frags } = this.#options;
    this.stride = powerOf2(Math.max(slotLen, HEADER_ROOM));
    this.slotLen = this.stride;
    // Short frames lie close together, several in a chunk: a burst of them fits into the nearest cache.
    this.#chunkSize = frags > 0 ? PAGE_SIZE : Math.min(Math.max(this.stride, LEAST_CHUNK), PAGE_SIZE);
    this.slots = Math.min(SLOTS, powerOf2(MOST_MEMORY / this.stride));
    const most = Math.ceil(this.stride / this.#chunkSize) + Math.min(Math.max(frags, 0), MAX_FRAGS);
    this.#entries = powerOf2(this.slots * most);
    this.#zeros = this.slots * this.stride;
    this.#slots = {
      count: this.slots,
      shift: Math.log2(this.stride),
      busy: new Uint8Array(this.slots),
    };
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
    const entries = this.#entries;
    const multiBuffer = entries > this.slots;
    for (const queue of queues) {
      const options = { ifindex, queue, umem, entries, zeroCopy, multiBuffer, priority };
      const lane = new XskLane(options, this.#slots, this.#lanes[0]);
      this.#lanes.push(lane);
      this.#laneOf[queue] = lane;
    }
  }

  /** The sockets go, and with them what they have not taken. */
  #closeLanes(): void {
    // The one whose memory the others share goes last.
    for (const lane of this.#lanes.splice(0).reverse()) lane.close();
    this.#laneOf.length = 0;
    this.#slots.busy.fill(0);
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
    const { busy } = this.#slots;
    const end = Math.min(this.#write + most, this.slots);
    let slot = this.#write;
    while (slot < end && busy[slot] === 0) slot++;
    return slot - this.#write;
  }

  commit(frames: number, lengths: Uint32Array, queues: Uint16Array): void {
    if (this.#lanes.length === 0) this.#openLanes();
    const { frags } = this.#options;
    const { busy } = this.#slots;
    let slot = this.#write;
    for (let n = 0; n < frames; n++, slot++) {
      const length = lengths[n] ?? 0;
      const lane = this.#laneOf[queues[n] ?? 0] ?? this.#lanes[0];
      if (!lane) throw new RangeError('no transmit queue');
      if (frags > 0 || length > this.#chunkSize) this.#addPieces(lane, slot, length);
      else {
        lane.describe(slot * this.stride, length, false);
        busy[slot] = 1;
      }
    }
    this.#write = slot === this.slots ? 0 : slot;
    this.pending += frames;
  }

  /** Adds a packet of several pieces. What is longer than a chunk is cut again. */
  #addPieces(lane: XskLane, slot: number, length: number): void {
    const { frags, headers } = this.#options;
    const { linear, fragments } = piecesOf(length, headers, frags);
    const own = Math.ceil(linear / this.#chunkSize);
    const all = own + fragments.length;
    for (let piece = 0; piece < all; piece++) {
      const from = piece * this.#chunkSize;
      const more = piece < all - 1;
      if (piece >= own) lane.describe(this.#zeros, fragments[piece - own] ?? 0, more);
      else lane.describe(slot * this.stride + from, Math.min(this.#chunkSize, linear - from), more);
    }
    this.#slots.busy[slot] = own;
  }

  flush(): number {
    if (this.pending === 0) return 0;
    let frames = 0;
    for (const lane of this.#lanes) if (lane.waiting > 0) frames += this.#flushLane(lane, frames > 0);
    this.#reap();
    return frames;
  }

  /** What left counts: where something has, an error is let be, as it comes again with the next call. */
  #flushLane(lane: XskLane, hasLeft: boolean): number {
    const { waiting, left, bytes, dropped } = lane;
    try {
      lane.flush();
    } catch (error) {
      if (!hasLeft && lane.left === left) throw error;
    }
    const taken = waiting - lane.waiting;
    this.pending -= taken;
    this.#inFlight += taken;
    this.bytes += lane.bytes - bytes;
    this.dropped += lane.dropped - dropped;
    return lane.left - left;
  }

  /** Frees the slots whose packets the kernel has let go of. */
  #reap(): void {
    for (const lane of this.#lanes) this.#inFlight -= lane.reap();
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
