import koffi from 'koffi';
import { SyscallError } from './errno.ts';
import { check, declare, lastErrno } from './libc.ts';

const cMmap = declare('void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)');
const cMunmap = declare('int munmap(void *addr, size_t length)');

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_POPULATE = 0x8000;
const NO_FILE = -1;

/** Memory shared with the kernel. After close() nothing may touch it: its owner drops every view first. */
export class Mapping implements Disposable {
  readonly memory: ArrayBuffer;
  #address: bigint | undefined;

  private constructor(address: bigint, length: number) {
    this.#address = address;
    this.memory = koffi.view(address, length);
  }

  /** Maps `length` bytes of a descriptor from `offset` on, readable and writable (mmap(2), MAP_SHARED). */
  static open(fd: number, length: number, offset = 0): Mapping {
    return Mapping.#map(length, MAP_SHARED, fd, offset);
  }

  /** New memory, all zeros, that begins with a page. */
  static anonymous(length: number): Mapping {
    return Mapping.#map(length, MAP_PRIVATE_ANONYMOUS, NO_FILE, 0);
  }

  static #map(length: number, flags: number, fd: number, offset: number): Mapping {
    const address: bigint = cMmap(null, length, PROT_READ_WRITE, flags | MAP_POPULATE, fd, offset);
    if (BigInt.asIntN(64, address) === -1n) throw new SyscallError('mmap', lastErrno(), `${length} bytes`);
    return new Mapping(address, length);
  }

  /** Where it lies in this process. */
  get address(): bigint {
    if (this.#address === undefined) throw new TypeError('the mapping is closed');
    return this.#address;
  }

  close(): void {
    if (this.#address === undefined) return;
    check(cMunmap(this.#address, this.memory.byteLength), 'munmap');
    this.#address = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Memory of a mapping that another thread of this process owns. Nothing may touch it after the owner has closed it.
 */
export const memoryAt = (address: bigint, length: number): ArrayBuffer => koffi.view(address, length);
