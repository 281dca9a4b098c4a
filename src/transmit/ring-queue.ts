import { TP_STATUS, TxRingSocket, tpacket2Hdr } from '../linux/af-packet.ts';
import { ERRNO } from '../linux/errno.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { HEADER_ROOM } from '../template/packet-template.ts';
import { ETHERNET_HEADER_LEN, ETHERTYPE } from '../wire/ethernet.ts';
import { VLAN_TAG_LEN } from '../wire/vlan.ts';
import type { FrameQueue } from './frame-queue.ts';

/** How a ring is to be. */
export interface RingOptions {
  readonly ifindex: number;
  /** Longest frame, bytes. */
  readonly slotLen: number;
  /** Past the queueing discipline (start_xmit), or through it (queue_xmit). */
  readonly bypassQdisc: boolean;
  readonly priority: number;
}

/**
 * Slots of a ring. A veth lets go of a frame while it still waits in the far end's backlog, at most
 * net.core.netdev_max_backlog (1000) of them; until then its bytes must stay, so a slot must not come round earlier.
 */
const SLOTS = 4096;
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
  dropped = 0;
  bytes = 0;
  pending = 0;
  readonly #socket: TxRingSocket;
  /** Status and length words of all slots. */
  readonly #words: Int32Array;
  readonly #frameWords: number;
  /** Slots, counted in words: written next, handed over next, let go of next. */
  #write = 0;
  #taken = 0;
  #free = 0;
  #inFlight = 0;

  constructor({ ifindex, slotLen, bypassQdisc, priority }: RingOptions) {
    const needed = tpacket2Hdr.size + Math.max(slotLen, HEADER_ROOM);
    const frameSize = 2 ** Math.ceil(Math.log2(needed));
    const frames = Math.min(SLOTS, Math.floor(MOST_MEMORY / frameSize));
    this.#socket = new TxRingSocket({ ifindex, frameSize, frames, bypassQdisc, priority });
    this.memory = this.#socket.memory;
    this.slots = this.memory.byteLength / frameSize;
    this.slotLen = frameSize - tpacket2Hdr.size;
    this.#words = new Int32Array(this.memory);
    this.stride = frameSize;
    this.#frameWords = frameSize / 4;
  }

  get at(): number {
    return this.#write * 4 + tpacket2Hdr.size;
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
      words[slot + tpacket2Hdr.len / 4] = lengths[n] ?? 0;
      Atomics.store(words, slot, TP_STATUS.SEND_REQUEST);
      slot += this.#frameWords;
    }
    this.#write = slot === words.length ? 0 : slot;
    this.pending += frames;
  }

  flush(): number {
    if (this.pending === 0) return 0;
    const result = this.#socket.kick();
    let frames = 0;
    let bytes = 0;
    const words = this.#words;
    // The kernel takes slots in turn; one that it refused for now still asks to be sent.
    while (this.pending > 0 && Atomics.load(words, this.#taken) !== TP_STATUS.SEND_REQUEST) {
      bytes += words[this.#taken + tpacket2Hdr.len / 4] ?? 0;
      this.#taken = this.#next(this.#taken);
      this.pending--;
      this.#inFlight++;
      frames++;
    }
    if (result < 0 && !BUSY.has(result)) throw this.#socket.failure(result);
    // Frames that became too long for the link are skipped: they are missing in the bytes that left.
    const lost = result > 0 && result < bytes ? Math.max(1, Math.round(((bytes - result) * frames) / bytes)) : 0;
    this.dropped += lost;
    this.bytes += lost > 0 ? result : bytes;
    return frames - lost;
  }

  /** AF_PACKET takes the MTU and an Ethernet header, and a VLAN tag where the frame has one (packet_extra_vlan_len_allowed). */
  longestFrame({ link, template }: TransmitJob): number {
    const { frame } = template;
    const tagged = (frame[12] ?? 0) * 256 + (frame[13] ?? 0) === ETHERTYPE.VLAN;
    return link.mtu + ETHERNET_HEADER_LEN + (tagged ? VLAN_TAG_LEN : 0);
  }

  drained(): boolean {
    while (this.#inFlight > 0 && Atomics.load(this.#words, this.#free) === TP_STATUS.AVAILABLE) {
      this.#free = this.#next(this.#free);
      this.#inFlight--;
    }
    return this.#inFlight === 0;
  }

  #next(slot: number): number {
    const next = slot + this.#frameWords;
    return next === this.#words.length ? 0 : next;
  }

  close(): void {
    this.#socket.close();
  }
}
