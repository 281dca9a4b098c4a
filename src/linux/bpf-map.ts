import { Attributes, BPF, bpfAttr } from './bpf.ts';
import { check, declare } from './libc.ts';
import { Mapping } from './mmap.ts';

const cClose = declare('int close(int fd)');

/** enum bpf_map_type and flags of maps, linux/bpf.h. */
const MAP_TYPE = { HASH: 1, ARRAY: 2, PROG_ARRAY: 3 } as const;
const BPF_F_NUMA_NODE = 1 << 2;
const BPF_F_MMAPABLE = 1 << 10;
const PAGE = 4096;

interface NewMap {
  readonly type: number;
  readonly keySize?: number;
  readonly valueSize: number;
  readonly entries: number;
  readonly flags?: number;
  readonly name: string;
  readonly node?: number | undefined;
}

function createMap({ type, keySize = 4, valueSize, entries, flags = 0, name, node }: NewMap): number {
  const { mapCreate } = bpfAttr;
  return new Attributes(mapCreate.size)
    .u32(mapCreate.type, type)
    .u32(mapCreate.keySize, keySize)
    .u32(mapCreate.valueSize, valueSize)
    .u32(mapCreate.maxEntries, entries)
    .u32(mapCreate.flags, node === undefined ? flags : flags | BPF_F_NUMA_NODE)
    .u32(mapCreate.numaNode, node ?? 0)
    .name(mapCreate.name, name)
    .check(BPF.MAP_CREATE, `BPF_MAP_CREATE ${name}, ${valueSize * entries} bytes (wants CAP_BPF)`);
}

/** An array map of one value, whose memory programs, the kernel and we share. */
export class SharedMap implements Disposable {
  readonly fd: number;
  readonly #mapping: Mapping;

  /** Wants CAP_BPF. `name`: as bpftool shows it, 15 characters. `node`: the NUMA node that its memory is to come from. */
  constructor(bytes: number, name: string, node?: number) {
    this.fd = createMap({ type: MAP_TYPE.ARRAY, valueSize: bytes, entries: 1, flags: BPF_F_MMAPABLE, name, node });
    try {
      this.#mapping = Mapping.open(this.fd, Math.ceil(bytes / PAGE) * PAGE);
    } catch (error) {
      cClose(this.fd);
      throw error;
    }
  }
  /** The value, rounded up to pages. */
  get memory(): ArrayBuffer {
    return this.#mapping.memory;
  }
  /** Where it lies in this process, for its other threads. */
  get address(): bigint {
    return this.#mapping.address;
  }
  [Symbol.dispose](): void {
    this.#mapping.close();
    cClose(this.fd);
  }
}

/** A hash table that only programs use, to values of 4 bytes. */
export class HashMap implements Disposable {
  readonly fd: number;
  #open = true;

  /** `keyLen`: bytes of its keys. */
  constructor(entries: number, keyLen: number, name: string) {
    this.fd = createMap({ type: MAP_TYPE.HASH, keySize: keyLen, valueSize: 4, entries, name });
  }
  /** Takes a key out; false when it was not there. */
  delete(key: Uint8Array): boolean {
    const { mapUpdate } = bpfAttr;
    const attributes = new Attributes(mapUpdate.size).u32(mapUpdate.map, this.fd);
    return attributes.pointer(mapUpdate.key, key).call(BPF.MAP_DELETE_ELEM) === 0;
  }
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    cClose(this.fd);
  }
}

/** A map of programs to go on with (bpf_tail_call). */
export class ProgramArray implements Disposable {
  readonly fd: number;
  #open = true;

  constructor(entries: number, name: string) {
    this.fd = createMap({ type: MAP_TYPE.PROG_ARRAY, valueSize: 4, entries, name });
  }
  /** Puts a program in a place; calls that are under way go on with what was there. */
  set(index: number, program: number): void {
    const { mapUpdate } = bpfAttr;
    new Attributes(mapUpdate.size)
      .u32(mapUpdate.map, this.fd)
      .pointer(mapUpdate.key, Uint32Array.of(index))
      .pointer(mapUpdate.value, Uint32Array.of(program))
      .check(BPF.MAP_UPDATE_ELEM, `BPF_MAP_UPDATE_ELEM program ${program}`);
  }
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    check(cClose(this.fd), 'close', 'program array');
  }
}
