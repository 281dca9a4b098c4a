import { SyscallError } from './errno.ts';
import { check, declare, lastErrno } from './libc.ts';

const cSocket = declare('int socket(int domain, int type, int protocol)');
const cBind = declare('int bind(int fd, const void *address, unsigned int length)');
const cSetsockopt = declare('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)');
const cGetsockopt = declare('int getsockopt(int fd, int level, int name, void *value, unsigned int *length)');
const cSendto = declare(
  'long sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int size)',
);
const cRecv = declare('long recv(int fd, _Out_ void *data, size_t length, int flags)');
const cClose = declare('int close(int fd)');

/** Address families that Node has no sockets of. */
export const AF = { UNIX: 1, INET: 2, NETLINK: 16, PACKET: 17, XDP: 44 } as const;
export type AddressFamily = keyof typeof AF;
const TYPE = { DGRAM: 2, RAW: 3 } as const;
const SOCK_CLOEXEC = 0o2000000;
const MSG = { DONTWAIT: 0x40, NOSIGNAL: 0x4000 } as const;
const SOL_SOCKET = 1;
const SO = { SNDBUF: 7, RCVBUF: 8, PRIORITY: 12, SNDBUFFORCE: 32, RCVBUFFORCE: 33 } as const;

/** How a socket is to be. */
export interface SocketOptions {
  readonly type?: keyof typeof TYPE;
  readonly protocol?: number;
  /** What opening it wants, for people. */
  readonly wants?: string;
}

/** A socket of the network namespace that the thread is in when it is opened. */
export class Socket implements Disposable {
  readonly fd: number;
  readonly #family: AddressFamily;
  #open = true;

  constructor(family: AddressFamily, { type = 'RAW', protocol = 0, wants }: SocketOptions = {}) {
    const what = `AF_${family}${wants === undefined ? '' : ` (wants ${wants})`}`;
    this.fd = check(cSocket(AF[family], TYPE[type] | SOCK_CLOEXEC, protocol), 'socket', what);
    this.#family = family;
  }

  /** `what`: of the address, for people. */
  bind(address: Uint8Array, what = ''): void {
    const errno = this.tryBind(address);
    if (errno !== 0) throw new SyscallError('bind', errno, `AF_${this.#family} ${what}`.trimEnd());
  }
  /** 0, or an errno. */
  tryBind(address: Uint8Array): number {
    return cBind(this.fd, address, address.byteLength) === 0 ? 0 : lastErrno();
  }

  /** A number is an option of 32 bits. `name`: for people. */
  set(level: number, option: number, value: number | Uint8Array | Uint32Array, name: string): void {
    const errno = this.trySet(level, option, value);
    if (errno !== 0) throw new SyscallError('setsockopt', errno, name);
  }
  /** 0, or an errno. */
  trySet(level: number, option: number, value: number | Uint8Array | Uint32Array): number {
    const bytes = typeof value === 'number' ? Uint32Array.of(value) : value;
    return cSetsockopt(this.fd, level, option, bytes, bytes.byteLength) === 0 ? 0 : lastErrno();
  }
  /** Reads an option into `value`; how many bytes that are. */
  get(level: number, option: number, value: Uint8Array | Uint32Array, name: string): number {
    const length = Uint32Array.of(value.byteLength);
    check(cGetsockopt(this.fd, level, option, value, length), 'getsockopt', name);
    return length[0] ?? 0;
  }

  /** Room for what is on its way, as much as we may: without CAP_NET_ADMIN the system's limit holds. */
  setSendBuffer(bytes: number): void {
    if (this.trySet(SOL_SOCKET, SO.SNDBUFFORCE, bytes) !== 0) this.set(SOL_SOCKET, SO.SNDBUF, bytes, 'SO_SNDBUF');
  }
  /** Room for what waits to be read; the same. */
  setReceiveBuffer(bytes: number): void {
    if (this.trySet(SOL_SOCKET, SO.RCVBUFFORCE, bytes) !== 0) this.set(SOL_SOCKET, SO.RCVBUF, bytes, 'SO_RCVBUF');
  }
  /** Priority that the queueing discipline sees; 0 is that of every socket. */
  setPriority(priority: number): void {
    if (priority !== 0) this.set(SOL_SOCKET, SO.PRIORITY, priority, 'SO_PRIORITY');
  }

  /** Sends to where it is bound or connected, or to an address. */
  send(data: Uint8Array, what: string, address?: Uint8Array): void {
    const sent = cSendto(this.fd, data, data.byteLength, MSG.NOSIGNAL, address ?? null, address?.byteLength ?? 0);
    check(Number(sent), 'send', what);
  }
  /** Has the kernel look at a ring that it shares with us. What it says, or a negative errno. */
  kick(): number {
    const said: number = cSendto(this.fd, null, 0, MSG.DONTWAIT, null, 0);
    return said >= 0 ? said : -lastErrno();
  }
  /** The error for a negative result of kick(). */
  kickFailure(result: number): SyscallError {
    return new SyscallError('sendto', -result, `AF_${this.#family}`);
  }
  /** Waits for a message. Bytes of it, or a negative errno. */
  receive(buffer: Uint8Array, flags = 0): number {
    const length: number = cRecv(this.fd, buffer, buffer.byteLength, flags);
    return length >= 0 ? length : -lastErrno();
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
