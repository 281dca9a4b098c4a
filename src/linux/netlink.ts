import { ERRNO, SyscallError } from './errno.ts';
import { AF, Socket } from './socket.ts';

/** struct nlmsghdr of linux/netlink.h. */
export const nlmsghdr = { size: 16, len: 0, type: 4, flags: 6, seq: 8, pid: 12 } as const;
/** Request flags and message types of linux/netlink.h. */
export const NLM_F = { REQUEST: 1, ACK: 4, DUMP: 0x300, EXCL: 0x200, CREATE: 0x400 } as const;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** The kernel writes a netlink reply of at most 32 KiB at once; dumps come in several. */
const RECEIVE_LEN = 1 << 16;
const align = (length: number): number => (length + 3) & ~3;

/** A message of the kernel: its type, and what stands behind the netlink header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

/** A message for the kernel. `flags`: NLM_F. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
}

/** An attribute: length, type, value, padding (struct nlattr). */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(align(4 + value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}
/** An attribute made of attributes. */
export const nested = (type: number, ...attributes: readonly Uint8Array[]): Uint8Array =>
  attribute(type | NLA_F_NESTED, concat(attributes));
export const textAttribute = (type: number, text: string): Uint8Array => attribute(type, Buffer.from(`${text}\0`));
export const u32Attribute = (type: number, value: number): Uint8Array =>
  attribute(type, new Uint8Array(new Uint32Array([value]).buffer));
export const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** The attributes in `bytes` from `from` on, by type; what is cut off is left out. */
export function parseAttributes(bytes: Uint8Array, from = 0): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    found.set(view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

/** The messages of one read from the socket. */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + nlmsghdr.size <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < nlmsghdr.size || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + nlmsghdr.type, true),
      body: bytes.slice(at + nlmsghdr.size, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** A netlink socket in the network namespace of the thread that opened it. */
export class NetlinkSocket implements Disposable {
  readonly #socket: Socket;
  /** How often messages were lost because nobody read them (ENOBUFS). */
  overruns = 0;
  readonly #buffer = new Uint8Array(RECEIVE_LEN);
  #seq = 0;

  /** `groups`: bit mask of the multicast groups to listen to (RTMGRP_*). */
  constructor(protocol: number, groups = 0) {
    this.#socket = new Socket('NETLINK', { protocol });
    // struct sockaddr_nl: family, padding, port id, groups.
    const address = new DataView(new ArrayBuffer(12));
    address.setUint16(0, AF.NETLINK, true);
    address.setUint32(8, groups, true);
    try {
      this.#socket.bind(new Uint8Array(address.buffer));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** Room for messages that wait, bytes. */
  setReceiveBuffer(bytes: number): void {
    this.#socket.setReceiveBuffer(bytes);
  }

  /** A message with the next sequence number. */
  #message({ type, flags, body }: NetlinkRequest): Uint8Array {
    const message = new Uint8Array(align(nlmsghdr.size + body.length));
    const view = new DataView(message.buffer);
    view.setUint32(nlmsghdr.len, nlmsghdr.size + body.length, true);
    view.setUint16(nlmsghdr.type, type, true);
    view.setUint16(nlmsghdr.flags, flags | NLM_F.REQUEST, true);
    view.setUint32(nlmsghdr.seq, ++this.#seq, true);
    message.set(body, nlmsghdr.size);
    return message;
  }

  /** Sends a request and gives the kernel's answers to it; throws what the kernel refused it with. */
  request(type: number, flags: number, body: Uint8Array, what: string): NetlinkMessage[] {
    this.#socket.send(this.#message({ type, flags: flags | NLM_F.ACK, body }), what);
    return this.#answers(1, what);
  }

  /** Sends requests that are done all or none; waits for the answers to those that want one (NLM_F.ACK). */
  batch(requests: readonly NetlinkRequest[], what: string): void {
    this.#socket.send(concat(requests.map((one) => this.#message(one))), what);
    this.#answers(requests.filter(({ flags }) => flags & NLM_F.ACK).length, what);
  }

  /** Waits for so many acknowledgements; gives what came with them. */
  #answers(acks: number, what: string): NetlinkMessage[] {
    const answers: NetlinkMessage[] = [];
    for (let left = acks; left > 0; ) {
      for (const answer of this.receive()) {
        if (answer.type === NLMSG_DONE) return answers;
        if (answer.type !== NLMSG_ERROR) {
          answers.push(answer);
          continue;
        }
        const errno = -new DataView(answer.body.buffer).getInt32(0, true);
        if (errno !== 0) throw new SyscallError('netlink', errno, what);
        left--;
      }
    }
    return answers;
  }

  /** Waits for messages. None when messages were lost, see `overruns`. */
  receive(flags = 0): NetlinkMessage[] {
    const length = this.#socket.receive(this.#buffer, flags);
    if (length >= 0) return parseMessages(this.#buffer.subarray(0, length));
    if (length === -ERRNO.ENOBUFS) this.overruns++;
    if (QUIET.has(-length)) return [];
    throw new SyscallError('recv', -length, 'AF_NETLINK');
  }

  close(): void {
    this.#socket.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Nothing came, or what came is lost. */
const QUIET: ReadonlySet<number> = new Set([ERRNO.ENOBUFS, ERRNO.EINTR, ERRNO.EAGAIN]);
