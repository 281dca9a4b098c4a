import { ERRNO, NotSupported, SyscallError } from './errno.ts';
import { check, declare, lastErrno } from './libc.ts';
import { Mapping } from './mmap.ts';

const cSocket = declare('int socket(int domain, int type, int protocol)');
const cBind = declare('int bind(int fd, const void *address, unsigned int length)');
const cSetsockopt = declare('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)');
const cGetsockopt = declare('int getsockopt(int fd, int level, int name, void *value, unsigned int *length)');
const cSendto = declare('long sendto(int fd, void *data, size_t length, int flags, void *address, unsigned int size)');
const cClose = declare('int close(int fd)');

const AF_XDP = 44;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO = { SNDBUF: 7, PRIORITY: 12, SNDBUFFORCE: 32 } as const;
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
  readonly #fd: number;
  readonly #mappings: Mapping[] = [];
  #open = true;

  constructor(options: XskOptions) {
    const { umem, shareWith, entries, priority } = options;
    this.#fd = check(cSocket(AF_XDP, SOCK_RAW_CLOEXEC, 0), 'socket', 'AF_XDP (wants CAP_NET_RAW, and Linux 4.18)');
    try {
      if (!shareWith) this.#register(umem);
      this.#setWord(SOL_XDP, XDP.UMEM_FILL_RING, FILL_ENTRIES, 'XDP_UMEM_FILL_RING');
      this.#setWord(SOL_XDP, XDP.UMEM_COMPLETION_RING, entries, 'XDP_UMEM_COMPLETION_RING');
      this.#setWord(SOL_XDP, XDP.TX_RING, entries, 'XDP_TX_RING');
      this.#growSendBuffer();
      if (priority !== 0) this.#setWord(SOL_SOCKET, SO.PRIORITY, priority, 'SO_PRIORITY');
      const offsets = this.#offsets();
      this.tx = this.#map(offsets, xdpMmapOffsets.tx, PGOFF.TX_RING, entries, xdpDesc.size);
      this.completion = this.#map(offsets, xdpMmapOffsets.cr, PGOFF.COMPLETION_RING, entries, 8);
      this.#bind(options);
      // Refused by older kernels, which keep to theirs.
      cSetsockopt(this.#fd, SOL_XDP, XDP.MAX_TX_SKB_BUDGET, Uint32Array.of(Math.min(SKB_BUDGET, entries)), 4);
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
    return cSendto(this.#fd, null, 0, MSG_DONTWAIT, null, 0) >= 0 ? 0 : -lastErrno();
  }

  /** The error for a negative result of kick(). */
  failure(result: number): SyscallError {
    return new SyscallError('sendto', -result, 'AF_XDP');
  }

  #register({ mapping, chunkSize }: Umem): void {
    const request = new DataView(new ArrayBuffer(xdpUmemReg.size));
    request.setBigUint64(xdpUmemReg.addr, mapping.address, true);
    request.setBigUint64(xdpUmemReg.len, BigInt(mapping.memory.byteLength), true);
    request.setUint32(xdpUmemReg.chunkSize, chunkSize, true);
    this.#set(SOL_XDP, XDP.UMEM_REG, new Uint8Array(request.buffer), `XDP_UMEM_REG ${mapping.memory.byteLength} bytes`);
  }

  #offsets(): DataView {
    const offsets = new Uint8Array(xdpMmapOffsets.size);
    const length = Uint32Array.of(offsets.length);
    check(cGetsockopt(this.#fd, SOL_XDP, XDP.MMAP_OFFSETS, offsets, length), 'getsockopt', 'XDP_MMAP_OFFSETS');
    if (length[0] !== offsets.length) throw new NotSupported('AF_XDP with need-wakeup', '5.4');
    return new DataView(offsets.buffer);
  }

  #map(offsets: DataView, at: number, pgoff: number, entries: number, entryLen: number): XskRing {
    const offset = (member: number): number => Number(offsets.getBigUint64(at + member, true));
    const desc = offset(xdpRingOffset.desc);
    const mapping = Mapping.open(this.#fd, desc + entries * entryLen, pgoff);
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
    address.setUint16(sockaddrXdp.family, AF_XDP, true);
    address.setUint16(sockaddrXdp.flags, shareWith ? BIND.SHARED_UMEM : mode, true);
    address.setUint32(sockaddrXdp.ifindex, ifindex, true);
    address.setUint32(sockaddrXdp.queueId, queue, true);
    address.setUint32(sockaddrXdp.sharedUmemFd, shareWith ? shareWith.#fd : 0, true);
    const bound = (): number =>
      cBind(this.#fd, new Uint8Array(address.buffer), sockaddrXdp.size) === 0 ? 0 : lastErrno();
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

  #set(level: number, option: number, value: Uint8Array | Uint32Array, name: string): void {
    check(cSetsockopt(this.#fd, level, option, value, value.byteLength), 'setsockopt', name);
  }
  #setWord(level: number, option: number, value: number, name: string): void {
    this.#set(level, option, Uint32Array.of(value), name);
  }

  /** As much as we may: without CAP_NET_ADMIN the system's limit holds. */
  #growSendBuffer(): void {
    if (cSetsockopt(this.#fd, SOL_SOCKET, SO.SNDBUFFORCE, Uint32Array.of(SEND_BUFFER), 4) === 0) return;
    this.#setWord(SOL_SOCKET, SO.SNDBUF, SEND_BUFFER, 'SO_SNDBUF');
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const mapping of this.#mappings) mapping.close();
    cClose(this.#fd);
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
  const fd: number = cSocket(AF_XDP, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) return new SyscallError('socket', lastErrno(), 'AF_XDP').message;
  cClose(fd);
  return undefined;
}
