import { ERRNO, SyscallError } from './errno.ts';
import { check, declare, lastErrno } from './libc.ts';

const cSocket = declare('int socket(int domain, int type, int protocol)');
const cBind = declare('int bind(int fd, const void *address, unsigned int length)');
const cSend = declare('long send(int fd, const void *data, size_t length, int flags)');
const cRecv = declare('long recv(int fd, _Out_ void *data, size_t length, int flags)');
const cSetsockopt = declare('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)');
const cClose = declare('int close(int fd)');

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO = { RCVBUF: 8, RCVBUFFORCE: 33 } as const;

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
  readonly fd: number;
  /** How often messages were lost because nobody read them (ENOBUFS). */
  overruns = 0;
  readonly #buffer = new Uint8Array(RECEIVE_LEN);
  #seq = 0;
  #open = true;

  /** `groups`: bit mask of the multicast groups to listen to (RTMGRP_*). */
  constructor(protocol: number, groups = 0) {
    this.fd = check(cSocket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), 'socket', 'AF_NETLINK');
    // struct sockaddr_nl: family, padding, port id, groups.
    const address = new DataView(new ArrayBuffer(12));
    address.setUint16(0, AF_NETLINK, true);
    address.setUint32(8, groups, true);
    try {
      check(cBind(this.fd, new Uint8Array(address.buffer), 12), 'bind', 'AF_NETLINK');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Room for messages that wait, bytes; without CAP_NET_ADMIN the system's limit holds. */
  setReceiveBuffer(bytes: number): void {
    const value = new Uint32Array([bytes]);
    if (cSetsockopt(this.fd, SOL_SOCKET, SO.RCVBUFFORCE, value, 4) === 0) return;
    check(cSetsockopt(this.fd, SOL_SOCKET, SO.RCVBUF, value, 4), 'setsockopt', 'SO_RCVBUF');
  }

  /** Sends a request and gives the kernel's answers to it; throws what the kernel refused it with. */
  request(type: number, flags: number, body: Uint8Array, what: string): NetlinkMessage[] {
    const seq = ++this.#seq;
    const message = new Uint8Array(nlmsghdr.size + body.length);
    const view = new DataView(message.buffer);
    view.setUint32(nlmsghdr.len, message.length, true);
    view.setUint16(nlmsghdr.type, type, true);
    view.setUint16(nlmsghdr.flags, flags | NLM_F.REQUEST | NLM_F.ACK, true);
    view.setUint32(nlmsghdr.seq, seq, true);
    message.set(body, nlmsghdr.size);
    check(cSend(this.fd, message, message.length, 0), 'send', what);
    const answers: NetlinkMessage[] = [];
    for (;;) {
      for (const answer of this.receive()) {
        if (answer.type === NLMSG_DONE) return answers;
        if (answer.type !== NLMSG_ERROR) {
          answers.push(answer);
          continue;
        }
        const errno = -new DataView(answer.body.buffer).getInt32(0, true);
        if (errno !== 0) throw new SyscallError('netlink', errno, what);
        return answers;
      }
    }
  }

  /** Waits for messages. None when messages were lost, see `overruns`. */
  receive(flags = 0): NetlinkMessage[] {
    const length: number = cRecv(this.fd, this.#buffer, RECEIVE_LEN, flags);
    if (length >= 0) return parseMessages(this.#buffer.subarray(0, length));
    const errno = lastErrno();
    if (errno === ERRNO.ENOBUFS) this.overruns++;
    if (errno === ERRNO.ENOBUFS || errno === ERRNO.EINTR || errno === ERRNO.EAGAIN) return [];
    throw new SyscallError('recv', errno, 'AF_NETLINK');
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    cClose(this.fd);
  }
  [Symbol.dispose](): void {
    this.close();
  }
}
