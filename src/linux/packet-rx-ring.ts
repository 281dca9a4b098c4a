import { bindToLink, ETH_P_ALL, openPacketSocket, PACKET, SOL_PACKET, TPACKET_VERSION } from './af-packet.ts';
import { ERRNO, SyscallError } from './errno.ts';
import { Mapping } from './mmap.ts';
import type { Socket } from './socket.ts';

/** struct tpacket_req3 of linux/if_packet.h. */
export const tpacketReq3 = {
  size: 28,
  blockSize: 0,
  blockNr: 4,
  frameSize: 8,
  frameNr: 12,
  retireBlkTov: 16,
  sizeofPriv: 20,
  featureReqWord: 24,
} as const;
/** struct tpacket_block_desc with its struct tpacket_hdr_v1: what a block begins with. */
export const tpacketBlock = { status: 8, numPkts: 12, offsetToFirstPkt: 16 } as const;
/** struct tpacket3_hdr: what stands before a frame, with its struct tpacket_hdr_variant1 taken in. */
export const tpacket3Hdr = {
  size: 48,
  nextOffset: 0,
  sec: 4,
  nsec: 8,
  snaplen: 12,
  len: 16,
  status: 20,
  mac: 24,
  net: 26,
  vlanTci: 32,
  vlanTpid: 36,
} as const;
/** Who owns a block, and whether a VLAN tag was taken out of a frame. */
export const RX_STATUS = { KERNEL: 0, USER: 1, VLAN_VALID: 1 << 4 } as const;
/** struct tpacket_stats_v3. */
const STATISTICS_WORDS = 3;
const STATISTICS_DROPS = 1;

/** How a ring is to be. */
export interface RxRingOptions {
  readonly ifindex: number;
  /** Bytes of a block, a power of two and a multiple of pages. */
  readonly blockSize: number;
  readonly blocks: number;
  /** A block is handed over after so long, ms, even when it is not full. */
  readonly retireMs: number;
}

/**
 * A packet socket with a receive ring in shared memory, in blocks of many frames (packet(7), PACKET_RX_RING, TPACKET_V3).
 * It sees copies of what arrives on a link. Wants CAP_NET_RAW.
 */
export class PacketRxRing implements Disposable {
  readonly #socket: Socket;
  readonly #mapping: Mapping;
  #open = true;

  constructor({ ifindex, blockSize, blocks, retireMs }: RxRingOptions) {
    this.#socket = openPacketSocket();
    let mapping: Mapping | undefined;
    try {
      this.#socket.set(SOL_PACKET, PACKET.VERSION, TPACKET_VERSION.V3, 'PACKET_VERSION');
      const request = new Uint32Array(tpacketReq3.size / 4);
      request[tpacketReq3.blockSize / 4] = blockSize;
      request[tpacketReq3.blockNr / 4] = blocks;
      request[tpacketReq3.frameSize / 4] = blockSize;
      request[tpacketReq3.frameNr / 4] = blocks;
      request[tpacketReq3.retireBlkTov / 4] = retireMs;
      this.#socket.set(SOL_PACKET, PACKET.RX_RING, request, `PACKET_RX_RING, ${blocks} blocks of ${blockSize} bytes`);
      mapping = Mapping.open(this.#socket.fd, blocks * blockSize);
      this.#ignoreOutgoing();
      bindToLink(this.#socket, ifindex, ETH_P_ALL);
      this.#mapping = mapping;
    } catch (error) {
      mapping?.close();
      this.#socket.close();
      throw error;
    }
  }

  /** The blocks, one behind the other. */
  get memory(): ArrayBuffer {
    return this.#mapping.memory;
  }

  /** Frames that found no room since the last call. */
  takeDrops(): number {
    const statistics = new Uint32Array(STATISTICS_WORDS);
    this.#socket.get(SOL_PACKET, PACKET.STATISTICS, statistics, 'PACKET_STATISTICS');
    return statistics[STATISTICS_DROPS] ?? 0;
  }

  /** What this host sends does not arrive. Kernels before 4.20 cannot leave it out. */
  #ignoreOutgoing(): void {
    const errno = this.#socket.trySet(SOL_PACKET, PACKET.IGNORE_OUTGOING, 1);
    if (errno !== 0 && errno !== ERRNO.ENOPROTOOPT)
      throw new SyscallError('setsockopt', errno, 'PACKET_IGNORE_OUTGOING');
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping.close();
    this.#socket.close();
  }
}
