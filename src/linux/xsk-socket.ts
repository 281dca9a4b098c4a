import { ERRNO, NotSupported, SyscallError } from './errno.ts';
import { Mapping } from './mmap.ts';
import { AF, Socket } from './socket.ts';

const SOL_XDP = 283;
/** Socket options of linux/if_xdp.h. */
const XDP = {
  MMAP_OFFSETS: 1,
  TX_RING: 3,
  UMEM_REG: 4,
  UMEM_FILL_RING: 5,
  UMEM_COMPLETION_RING: 6,
  MAX_TX_SKB_BUDGET: 9,
} as const;
/** Flags of a bind (sxdp_flags). */
const BIND = { SHARED_UMEM: 1, COPY: 2, ZEROCOPY: 4, USE_NEED_WAKEUP: 8, USE_SG: 16 } as const;
/** Where the rings lie when a socket is mapped. */
const PGOFF = { TX_RING: 0x8000_0000, COMPLETION_RING: 0x1_8000_0000 } as const;
const RING_NEED_WAKEUP = 1;
/** A descriptor is followed by more of its packet (XDP_PKT_CONTD). */
export const PKT_CONTD = 1;

/** struct sockaddr_xdp, xdp_umem_reg, xdp_desc, xdp_ring_offset, xdp_mmap_offsets of linux/if_xdp.h. */
export const sockaddrXdp = { size: 16, family: 0, flags: 2, ifindex: 4, queueId: 8, sharedUmemFd: 12 } as const;
export const xdpUmemReg = { size: 32, addr: 0, len: 8, chunkSize: 16, headroom: 20, flags: 24 } as const;
export const xdpDesc = { size: 16, addr: 0, len: 8, options: 12 } as const;
export const xdpRingOffset = { size: 32, producer: 0, consumer: 8, desc: 16, flags: 24 } as const;
export const xdpMmapOffsets = { size: 128, tx: 32, cr: 96 } as const;

/** Entries of a fill ring, which must be there although nothing is received. */
const FILL_ENTRIES = 2;
/** Bytes that skbs on their way may take; the default allows some hundred. */
const SEND_BUFFER = 64 << 20;
/** Packets that one call hands over in copy mode; kernels before 6.17 take 32, whatever they are told. */
const SKB_BUDGET = 256;

/** How long, ms, the kernel may take to let go of the queue of a socket that was closed. */
const RELEASE_MS = 100;

/** Memory that packets lie in, cut into chunks; sockets of the same link share it. */
export interface Umem {
  readonly mapping: Mapping;
  /** Bytes of a chunk, a power of two from 2048 to a page: no descriptor crosses one. */
  readonly chunkSize: number;
}

/** How a socket is to be. */
export interface XskOptions {
  readonly ifindex: number;
  /** The transmit queue. Only one group of sockets that share memory can have it. */
  readonly queue: number;
  readonly umem: Umem;
  /** A socket with the same memory, bound before; what it was bound with holds for all that share. */
  readonly shareWith?: XskSocket;
  /** Entries of the rings, a power of two. */
  readonly entries: number;
  /** The driver reads packets where they lie. That takes the queue's receive side from the stack. */
  readonly zeroCopy: boolean;
  /** Packets of several descriptors are wanted (Linux 6.6). */
  readonly multiBuffer: boolean;
  readonly priority: number;
}

/** One side of a ring shared with the kernel: indexes count on for ever, an entry lies at its index & mask. */
export interface XskRing {
  readonly words: Uint32Array;
  /** Words of the indexes, the flags and the first entry. */
  readonly producer: number;
  readonly consumer: number;
  readonly flags: number;
  readonly entries: number;
  readonly mask: number;
}

/** An AF_XDP socket that sends on one transmit queue (Documentation/networking/af_xdp.rst). Wants CAP_NET_RAW. */
export class XskSocket implements Disposable {
  /** Descriptors of what is to be sent: four words each, struct xdp_desc. */
  readonly tx: XskRing;
  /** Addresses of what has been sent: two words each. */
  readonly completion: XskRing;
  readonly #socket: Socket;
  readonly #mappings: Mapping[] = [];
  #open = true;

  constructor(options: XskOptions) {
    const { umem, shareWith, entries, priority } = options;
    this.#socket = new Socket('XDP', { wants: 'CAP_NET_RAW, and Linux 4.18' });
    const set = (option: number, value: number, name: string): void => this.#socket.set(SOL_XDP, option, value, name);
    try {
      if (!shareWith) this.#register(umem);
      set(XDP.UMEM_FILL_RING, FILL_ENTRIES, 'XDP_UMEM_FILL_RING');
      set(XDP.UMEM_COMPLETION_RING, entries, 'XDP_UMEM_COMPLETION_RING');
      set(XDP.TX_RING, entries, 'XDP_TX_RING');
      this.#socket.setSendBuffer(SEND_BUFFER);
      this.#socket.setPriority(priority);
      const offsets = this.#offsets();
      this.tx = this.#map(offsets, xdpMmapOffsets.tx, PGOFF.TX_RING, entries, xdpDesc.size);
      this.completion = this.#map(offsets, xdpMmapOffsets.cr, PGOFF.COMPLETION_RING, entries, 8);
      this.#bind(options);
      // Refused by older kernels, which keep to theirs.
      this.#socket.trySet(SOL_XDP, XDP.MAX_TX_SKB_BUDGET, Math.min(SKB_BUDGET, entries));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether the kernel looks at the transmit ring only when it is kicked; in copy mode always. */
  get needsWakeup(): boolean {
    return ((this.tx.words[this.tx.flags] ?? 0) & RING_NEED_WAKEUP) !== 0;
  }

  /** Has the kernel look at the transmit ring. 0, or a negative errno. */
  kick(): number {
    return Math.min(this.#socket.kick(), 0);
  }

  /** The error for a negative result of kick(). */
  failure(result: number): SyscallError {
    return this.#socket.kickFailure(result);
  }

  #register({ mapping, chunkSize }: Umem): void {
    const request = new DataView(new ArrayBuffer(xdpUmemReg.size));
    request.setBigUint64(xdpUmemReg.addr, mapping.address, true);
    request.setBigUint64(xdpUmemReg.len, BigInt(mapping.memory.byteLength), true);
    request.setUint32(xdpUmemReg.chunkSize, chunkSize, true);
    const what = `XDP_UMEM_REG ${mapping.memory.byteLength} bytes`;
    this.#socket.set(SOL_XDP, XDP.UMEM_REG, new Uint8Array(request.buffer), what);
  }

  #offsets(): DataView {
    const offsets = new Uint8Array(xdpMmapOffsets.size);
    const length = this.#socket.get(SOL_XDP, XDP.MMAP_OFFSETS, offsets, 'XDP_MMAP_OFFSETS');
    if (length !== offsets.length) throw new NotSupported('AF_XDP with need-wakeup', '5.4');
    return new DataView(offsets.buffer);
  }

  #map(offsets: DataView, at: number, pgoff: number, entries: number, entryLen: number): XskRing {
    const offset = (member: number): number => Number(offsets.getBigUint64(at + member, true));
    const desc = offset(xdpRingOffset.desc);
    const mapping = Mapping.open(this.#socket.fd, desc + entries * entryLen, pgoff);
    this.#mappings.push(mapping);
    return {
      words: new Uint32Array(mapping.memory),
      producer: offset(xdpRingOffset.producer) / 4,
      consumer: offset(xdpRingOffset.consumer) / 4,
      flags: offset(xdpRingOffset.flags) / 4,
      entries: desc / 4,
      mask: entries - 1,
    };
  }

  #bind({ ifindex, queue, shareWith, zeroCopy, multiBuffer }: XskOptions): void {
    const address = new DataView(new ArrayBuffer(sockaddrXdp.size));
    const mode = (zeroCopy ? BIND.ZEROCOPY : BIND.COPY) | BIND.USE_NEED_WAKEUP | (multiBuffer ? BIND.USE_SG : 0);
    address.setUint16(sockaddrXdp.family, AF.XDP, true);
    address.setUint16(sockaddrXdp.flags, shareWith ? BIND.SHARED_UMEM : mode, true);
    address.setUint32(sockaddrXdp.ifindex, ifindex, true);
    address.setUint32(sockaddrXdp.queueId, queue, true);
    address.setUint32(sockaddrXdp.sharedUmemFd, shareWith ? shareWith.#socket.fd : 0, true);
    const bound = (): number => this.#socket.tryBind(new Uint8Array(address.buffer));
    let errno = bound();
    for (let waited = 0; errno === ERRNO.EBUSY && waited < RELEASE_MS; waited++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      errno = bound();
    }
    if (errno === 0) return;
    const reason = BIND_REASONS[errno];
    if (errno === ERRNO.EINVAL && multiBuffer) throw new NotSupported('AF_XDP with several buffers a packet', '6.6');
    throw new SyscallError('bind', errno, `AF_XDP queue ${queue}${reason === undefined ? '' : ` (${reason})`}`);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const mapping of this.#mappings) mapping.close();
    this.#socket.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** What a refused bind means, by errno. */
const BIND_REASONS: Readonly<Record<number, string>> = {
  [ERRNO.EBUSY]: 'another AF_XDP socket has it',
  [ERRNO.EINVAL]: 'there is no such queue',
  [ERRNO.EOPNOTSUPP]: 'the driver cannot send packets from where they lie: "transmitter xsk" copies them',
  [ERRNO.ENODEV]: 'the link is gone',
};

/** Why there are no AF_XDP sockets in this process or kernel; undefined when there are. */
export function xskRefused(): string | undefined {
  try {
    new Socket('XDP').close();
    return undefined;
  } catch (error) {
    if (error instanceof SyscallError) return error.message;
    throw error;
  }
}
