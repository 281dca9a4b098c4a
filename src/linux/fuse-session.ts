import { closeSync, writeSync } from 'node:fs';
import { ERRNO, SyscallError } from './errno.ts';
import { FUSE_ROOT_ID, fuseInHeader, fuseOutHeader, LITTLE_ENDIAN } from './fuse-abi.ts';
import type { FuseHandler } from './fuse-handler.ts';
import { FUSE_OPCODES, type FuseConnection, type FuseReply, type FuseRequest, MAX_WRITE } from './fuse-opcodes.ts';
import { check, declare, lastErrno } from './libc.ts';
import { mountAt, UMOUNT, umount } from './mount.ts';

const cRead = declare('long read(int fd, void *buffer, size_t size)');
const cWrite = declare('long write(int fd, const void *buffer, size_t size)');
const cClose = declare('int close(int fd)');
const cPoll = declare('int poll(void *fds, unsigned long count, int timeout)');
const cEventfd = declare('int eventfd(unsigned int value, int flags)');

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const POLLIN = 1;
const POLLFD_SIZE = 8;
const WAKE = new Uint8Array(new BigUint64Array([1n]).buffer);
/** FUSE wants room for the largest write and its headers; a page is ample for those. */
const READ_BUFFER_SIZE = MAX_WRITE + 4096;

/**
 * A mount and its device. The waiting is done in a thread of the libuv pool (one for each session), all else on this
 * thread, which must never touch its own mount synchronously.
 */
export class FuseSession implements FuseConnection {
  readonly mountPoint: string;
  readonly handler: FuseHandler;
  /** Fulfilled when the mount is no longer served: closed, or unmounted from outside. */
  readonly ended: Promise<void>;
  readonly #device: number;
  readonly #wake: number;
  readonly #mountedDevice: string | undefined;
  readonly #pollFds: Uint8Array;
  readonly #buffer = new Uint8Array(READ_BUFFER_SIZE);
  readonly #pending = new Map<bigint, AbortController>();
  readonly #onExit = () => this.#stop();
  #stopped = false;

  /** Takes over the device's descriptor, which must be mounted at `mountPoint` and not blocking. */
  constructor(device: number, mountPoint: string, handler: FuseHandler) {
    this.mountPoint = mountPoint;
    this.handler = handler;
    this.#device = device;
    this.#mountedDevice = mountAt(mountPoint)?.device;
    this.#wake = check(cEventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd');
    const fds = new DataView(new ArrayBuffer(2 * POLLFD_SIZE));
    for (const [index, fd] of [device, this.#wake].entries()) {
      fds.setInt32(index * POLLFD_SIZE, fd, LITTLE_ENDIAN);
      fds.setInt16(index * POLLFD_SIZE + 4, POLLIN, LITTLE_ENDIAN);
    }
    this.#pollFds = new Uint8Array(fds.buffer);
    // Node waits for its pool at exit: without this a process that ends by process.exit() or a throw would hang.
    process.once('exit', this.#onExit);
    this.ended = this.#serve();
  }

  /** Unmounts, also while files are open, and fails what is pending with EINTR. May be called twice. */
  async close(): Promise<void> {
    this.#stop();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  interrupt(unique: bigint): void {
    this.#pending.get(unique)?.abort();
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#failPending();
    this.#unmount();
    writeSync(this.#wake, WAKE);
  }

  #failPending(): void {
    for (const [unique, abort] of [...this.#pending]) {
      this.#reply(unique, 'EINTR');
      abort.abort();
    }
  }

  #unmount(): void {
    // Someone may have unmounted ours and mounted another.
    if (this.#mountedDevice === undefined || mountAt(this.mountPoint)?.device !== this.#mountedDevice) return;
    for (const flags of [0, UMOUNT.DETACH]) {
      try {
        umount(this.mountPoint, flags);
        return;
      } catch (error) {
        // In use: detached then, and what is open in it fails once the device is closed.
        if (!(error instanceof SyscallError)) throw error;
      }
    }
  }

  async #serve(): Promise<void> {
    try {
      while (!this.#stopped && this.#readAll()) await this.#waitForRequest();
    } finally {
      this.#stopped = true;
      process.off('exit', this.#onExit);
      this.#failPending();
      closeSync(this.#device);
      cClose(this.#wake);
    }
  }

  #waitForRequest(): Promise<void> {
    return new Promise((resolve, reject) => {
      cPoll.async(this.#pollFds, 2, -1, (error: unknown) => (error ? reject(error) : resolve()));
    });
  }

  /** Starts on every request that is there; false when the mount is gone. */
  #readAll(): boolean {
    while (!this.#stopped) {
      const length = Number(cRead(this.#device, this.#buffer, this.#buffer.length));
      if (length >= fuseInHeader.size) {
        this.#dispatch(length);
        continue;
      }
      const errno = length < 0 ? lastErrno() : ERRNO.EIO;
      if (errno === ERRNO.EAGAIN) return true;
      // ENOENT: the request was interrupted before we got it.
      if (errno === ERRNO.EINTR || errno === ERRNO.ENOENT) continue;
      // ENODEV: unmounted.
      if (errno === ERRNO.ENODEV) return false;
      throw new SyscallError('read', errno, '/dev/fuse');
    }
    return true;
  }

  #dispatch(length: number): void {
    const header = new DataView(this.#buffer.buffer, 0, fuseInHeader.size);
    const unique = header.getBigUint64(fuseInHeader.unique, LITTLE_ENDIAN);
    const abort = new AbortController();
    const request: FuseRequest = {
      node: Number(header.getBigUint64(fuseInHeader.nodeid, LITTLE_ENDIAN)) || FUSE_ROOT_ID,
      uid: header.getUint32(fuseInHeader.uid, LITTLE_ENDIAN),
      gid: header.getUint32(fuseInHeader.gid, LITTLE_ENDIAN),
      pid: header.getUint32(fuseInHeader.pid, LITTLE_ENDIAN),
      signal: abort.signal,
      body: new DataView(this.#buffer.buffer, fuseInHeader.size, length - fuseInHeader.size),
    };
    this.#pending.set(unique, abort);
    const row = FUSE_OPCODES.get(header.getUint32(fuseInHeader.opcode, LITTLE_ENDIAN));
    try {
      const reply = row === undefined ? 'ENOSYS' : row.serve(request, this);
      if (!(reply instanceof Promise)) this.#reply(unique, reply);
      else reply.then((late) => this.#reply(unique, late)).catch((error: unknown) => this.#fault(unique, error));
    } catch (error) {
      this.#fault(unique, error);
    }
  }

  /** A bug in a handler: whoever waits gets an answer, and the bug comes to light at the top. */
  #fault(unique: bigint, error: unknown): void {
    this.#reply(unique, 'EIO');
    queueMicrotask(() => {
      throw error;
    });
  }

  /** Answers a request once; what comes after that, or after the end, is dropped. */
  #reply(unique: bigint, reply: FuseReply): void {
    if (!this.#pending.delete(unique) || reply === undefined) return;
    const payload = reply instanceof Uint8Array ? reply : undefined;
    const message = new Uint8Array(fuseOutHeader.size + (payload?.length ?? 0));
    const header = new DataView(message.buffer);
    header.setUint32(fuseOutHeader.len, message.length, LITTLE_ENDIAN);
    header.setInt32(fuseOutHeader.error, errorOf(reply), LITTLE_ENDIAN);
    header.setBigUint64(fuseOutHeader.unique, unique, LITTLE_ENDIAN);
    if (payload) message.set(payload, fuseOutHeader.size);
    // It fails when the caller is gone (ENOENT) or the mount is (ENODEV): nobody is left to tell.
    cWrite(this.#device, message, message.length);
  }
}

/** The kernel takes -511 to 0 and would leave the caller waiting for ever on anything else (-524, its own ENOTSUPP). */
const LAST_ERRNO = 511;
const errorOf = (reply: Exclude<FuseReply, undefined>): number => {
  if (reply instanceof Uint8Array) return 0;
  const error = typeof reply === 'string' ? -ERRNO[reply] : reply;
  return error < 0 && error >= -LAST_ERRNO ? error : -ERRNO.EIO;
};
