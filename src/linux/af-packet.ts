import type { SyscallError } from './errno.ts';
import { Mapping } from './mmap.ts';
import { AF, Socket } from './socket.ts';

/** All protocols (linux/if_ether.h). */
export const ETH_P_ALL = 3;
export const SOL_PACKET = 263;
/** Socket options of linux/if_packet.h. */
export const PACKET = {
  RX_RING: 5,
  STATISTICS: 6,
  VERSION: 10,
  TX_RING: 13,
  VNET_HDR: 15,
  QDISC_BYPASS: 20,
  IGNORE_OUTGOING: 23,
} as const;
/** enum tpacket_versions. */
export const TPACKET_VERSION = { V2: 1, V3: 2 } as const;
/** Bytes that skbs on their way may take; the default allows some hundred. */
const SEND_BUFFER = 16 << 20;

/** struct sockaddr_ll of linux/if_packet.h. */
export const sockaddrLl = {
  size: 20,
  family: 0,
  protocol: 2,
  ifindex: 4,
  hatype: 8,
  pkttype: 10,
  halen: 11,
  addr: 12,
} as const;
/** struct tpacket2_hdr of linux/if_packet.h; in a transmit ring the frame stands right behind it. */
export const tpacket2Hdr = { size: 32, status: 0, len: 4, snaplen: 8 } as const;
/** struct virtio_net_hdr of linux/virtio_net.h: stands before each frame of a socket that has PACKET_VNET_HDR. */
export const virtioNetHdr = { size: 10, hdrLen: 2 } as const;
/** struct tpacket_req of linux/if_packet.h. */
export const tpacketReq = { size: 16, blockSize: 0, blockNr: 4, frameSize: 8, frameNr: 12 } as const;
/** Who owns a slot: the program (AVAILABLE), or the kernel, before and while it sends. */
export const TP_STATUS = { AVAILABLE: 0, SEND_REQUEST: 1, SENDING: 2, WRONG_FORMAT: 4 } as const;

/** Binds a packet socket to a link: it receives frames of this protocol, none of 0, all of ETH_P_ALL. */
export function bindToLink(socket: Socket, ifindex: number, protocol: number): void {
  const address = new DataView(new ArrayBuffer(sockaddrLl.size));
  address.setUint16(sockaddrLl.family, AF.PACKET, true);
  address.setUint16(sockaddrLl.protocol, protocol);
  address.setInt32(sockaddrLl.ifindex, ifindex, true);
  socket.bind(new Uint8Array(address.buffer), `link ${ifindex}`);
}

/** Opens a packet socket; it receives nothing before it is bound. Wants CAP_NET_RAW. */
export const openPacketSocket = (): Socket => new Socket('PACKET', { wants: 'CAP_NET_RAW' });

/** How a ring is to be. */
export interface TxRingOptions {
  readonly ifindex: number;
  /** Bytes of a slot with its header; a power of two, so that slots follow each other without gaps. */
  readonly frameSize: number;
  readonly frames: number;
  /** Past the queueing discipline, straight to the driver (PACKET_QDISC_BYPASS). */
  readonly bypassQdisc: boolean;
  /** Priority that the queueing discipline sees. */
  readonly priority: number;
}

/**
 * A packet socket with a transmit ring in shared memory (packet(7), PACKET_TX_RING). Wants CAP_NET_RAW. Each frame has a
 * virtio_net_hdr before it: its hdr_len says how many bytes the kernel copies into the packet; the rest stays in the ring
 * until the packet is gone. It also has the kernel leave the judgement of a frame's length to the link, as pktgen does.
 */
export class TxRingSocket implements Disposable {
  readonly #socket: Socket;
  readonly #mapping: Mapping;
  #open = true;

  constructor({ ifindex, frameSize, frames, bypassQdisc, priority }: TxRingOptions) {
    this.#socket = openPacketSocket();
    const set = (option: number, value: number | Uint32Array, name: string): void =>
      this.#socket.set(SOL_PACKET, option, value, name);
    let mapping: Mapping | undefined;
    try {
      set(PACKET.VERSION, TPACKET_VERSION.V2, 'PACKET_VERSION');
      set(PACKET.VNET_HDR, 1, 'PACKET_VNET_HDR');
      if (bypassQdisc) set(PACKET.QDISC_BYPASS, 1, 'PACKET_QDISC_BYPASS');
      this.#socket.setPriority(priority);
      this.#socket.setSendBuffer(SEND_BUFFER);
      const blockSize = Math.max(frameSize, 1 << 16);
      const blocks = Math.ceil((frames * frameSize) / blockSize);
      const request = new Uint32Array([blockSize, blocks, frameSize, (blocks * blockSize) / frameSize]);
      set(PACKET.TX_RING, request, 'PACKET_TX_RING');
      mapping = Mapping.open(this.#socket.fd, blocks * blockSize);
      // Nothing is received, and each frame's own type counts.
      bindToLink(this.#socket, ifindex, 0);
      this.#mapping = mapping;
    } catch (error) {
      mapping?.close();
      this.#socket.close();
      throw error;
    }
  }

  /** The slots, one behind the other. */
  get memory(): ArrayBuffer {
    return this.#mapping.memory;
  }

  /** Has the kernel look through the ring (tpacket_snd). Returns bytes that left, or a negative errno. */
  kick(): number {
    return this.#socket.kick();
  }

  /** The error for a negative result of kick(). */
  failure(result: number): SyscallError {
    return this.#socket.kickFailure(result);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping.close();
    this.#socket.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}
