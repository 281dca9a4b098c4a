import { sockaddrLl, TP_STATUS, tpacket2Hdr, tpacketReq } from '../../src/linux/af-packet.ts';
import { check, declare } from '../../src/linux/libc.ts';
import { Mapping } from '../../src/linux/mmap.ts';
import type { Netns } from '../../src/linux/netns.ts';
import { RouteSocket } from '../../src/linux/rtnetlink.ts';

const cSocket = declare('int socket(int domain, int type, int protocol)');
const cBind = declare('int bind(int fd, const void *address, unsigned int length)');
const cSetsockopt = declare('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)');
const cGetsockopt = declare('int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ void *length)');
const cClose = declare('int close(int fd)');

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_PACKET = 263;
const PACKET = { RX_RING: 5, STATISTICS: 6, VERSION: 10, IGNORE_OUTGOING: 23 } as const;
const TPACKET_V2 = 1;
const ETH_P_ALL = 3;
/** TP_STATUS_* of received frames. */
const RECEIVED = { USER: 1, VLAN_VALID: 0x10, VLAN_TPID_VALID: 0x40 } as const;
/** More fields of struct tpacket2_hdr. */
const rx = { mac: 12, sec: 16, nsec: 20, vlanTci: 24, vlanTpid: 26 } as const;
const ETHERTYPE_VLAN = 0x8100;
const BLOCK_LEN = 1 << 16;

export interface CaptureOptions {
  /** Where the link is; else in the namespace of the calling thread. */
  readonly netns?: Netns;
  /** Frames that may wait until frames() is called. */
  readonly slots?: number;
  /** Longest frame, bytes. */
  readonly longest?: number;
  /** Frames that the link itself sends too. */
  readonly outgoing?: boolean;
}

/** Keeps the frames that a link receives, from now on: the kernel copies each as it comes, so later writes do not reach it. */
export class Capture implements Disposable {
  readonly #fd: number;
  readonly #mapping: Mapping;
  readonly #frameSize: number;
  readonly #frames: Uint8Array[] = [];
  readonly #arrivals: number[] = [];
  #slot = 0;
  #open = true;

  constructor(link: string, { slots = 16_384, longest = 1900, outgoing = false }: CaptureOptions) {
    this.#frameSize = 2 ** Math.ceil(Math.log2(longest + 128));
    this.#fd = check(cSocket(AF_PACKET, SOCK_RAW_CLOEXEC, 0), 'socket', 'AF_PACKET');
    const set = (name: number, value: number): number =>
      cSetsockopt(this.#fd, SOL_PACKET, name, new Uint32Array([value]), 4);
    check(set(PACKET.VERSION, TPACKET_V2), 'setsockopt', 'PACKET_VERSION');
    if (!outgoing) check(set(PACKET.IGNORE_OUTGOING, 1), 'setsockopt', 'PACKET_IGNORE_OUTGOING');
    const blockSize = Math.max(this.#frameSize, BLOCK_LEN);
    const blocks = Math.ceil((slots * this.#frameSize) / blockSize);
    const request = new Uint32Array([blockSize, blocks, this.#frameSize, (blocks * blockSize) / this.#frameSize]);
    check(cSetsockopt(this.#fd, SOL_PACKET, PACKET.RX_RING, request, tpacketReq.size), 'setsockopt', 'PACKET_RX_RING');
    this.#mapping = Mapping.open(this.#fd, blocks * blockSize);
    using routes = new RouteSocket();
    const address = new DataView(new ArrayBuffer(sockaddrLl.size));
    address.setUint16(sockaddrLl.family, AF_PACKET, true);
    address.setUint16(sockaddrLl.protocol, ETH_P_ALL);
    address.setInt32(sockaddrLl.ifindex, routes.link(link)?.index ?? -1, true);
    check(cBind(this.#fd, new Uint8Array(address.buffer), sockaddrLl.size), 'bind', `AF_PACKET ${link}`);
  }

  /** All frames so far, with their VLAN tags. Throws when the kernel had to drop one. */
  frames(): Uint8Array[] {
    if (!this.#open) return this.#frames;
    const view = new DataView(this.#mapping.memory);
    for (;;) {
      const status = view.getUint32(this.#slot, true);
      if ((status & RECEIVED.USER) === 0) break;
      this.#frames.push(this.#read(view, status));
      this.#arrivals.push(view.getUint32(this.#slot + rx.sec, true) + view.getUint32(this.#slot + rx.nsec, true) / 1e9);
      view.setUint32(this.#slot, TP_STATUS.AVAILABLE, true);
      this.#slot = (this.#slot + this.#frameSize) % view.byteLength;
    }
    const statistics = new Uint32Array(2);
    check(cGetsockopt(this.#fd, SOL_PACKET, PACKET.STATISTICS, statistics, new Uint32Array([8])), 'getsockopt');
    if (statistics[1]) throw new Error(`the capture lost ${statistics[1]} frames: it wants more slots`);
    return this.#frames;
  }

  /** When the frames came that frames() gave: seconds of the wall clock, exact to a quarter of a microsecond. */
  get arrivals(): readonly number[] {
    return this.#arrivals;
  }

  #read(view: DataView, status: number): Uint8Array {
    const at = this.#slot;
    const length = view.getUint32(at + tpacket2Hdr.len, true);
    const kept = view.getUint32(at + tpacket2Hdr.snaplen, true);
    if (kept < length) throw new Error(`the capture kept ${kept} of ${length} bytes: give it a larger \`longest\``);
    const from = at + view.getUint16(at + rx.mac, true);
    const bytes = new Uint8Array(this.#mapping.memory).slice(from, from + length);
    if ((status & RECEIVED.VLAN_VALID) === 0) return bytes;
    // The kernel took the outer tag off.
    const tag = new DataView(new ArrayBuffer(4));
    tag.setUint16(0, status & RECEIVED.VLAN_TPID_VALID ? view.getUint16(at + rx.vlanTpid, true) : ETHERTYPE_VLAN);
    tag.setUint16(2, view.getUint16(at + rx.vlanTci, true));
    return new Uint8Array(Buffer.concat([bytes.subarray(0, 12), new Uint8Array(tag.buffer), bytes.subarray(12)]));
  }

  /** Ends the capture; what came before stays. */
  stop(): Uint8Array[] {
    const frames = this.frames();
    this[Symbol.dispose]();
    return frames;
  }
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping.close();
    cClose(this.#fd);
  }
}

/** Starts to keep what a link receives. */
export const capture = (link: string, options: CaptureOptions = {}): Capture =>
  options.netns ? options.netns.run(() => new Capture(link, options)) : new Capture(link, options);
