import { SharedMap } from '../linux/bpf-map.ts';
import { SyscallError } from '../linux/errno.ts';
import { memoryAt } from '../linux/mmap.ts';
import { KEPT_FRAME, newDeviceState, STATE_WORDS } from '../template/device-state.ts';
import { HEADER_ROOM } from '../template/packet-template.ts';

/** How a worker gets at a device's state: shared memory of JavaScript's, or that of a map, which lies in this process. */
export type StateShare = { readonly shared: SharedArrayBuffer } | { readonly address: bigint; readonly fd: number };

/** Bytes of a device's map: its state, and the headers of a packet that is sent several times. */
const STATE_LEN = KEPT_FRAME + HEADER_ROOM;

/** Maps that no device uses any more. They are never unmapped, as somebody may still look at what was a device. */
const free: SharedMap[] = [];

/** Memory for the state of devices: in a map where the kernel gives one, so that eBPF programs can send for them. */
export class DeviceMemory {
  readonly #maps = new Map<Uint32Array, SharedMap>();
  #refused: string | undefined;

  constructor() {
    const map = this.#map();
    if (map) free.push(map);
  }

  /** Why there are no maps here: a capability is missing, or eBPF. */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** Memory for a new device, all zeros. */
  take(): Uint32Array {
    const map = this.#map();
    if (!map) return newDeviceState();
    new Uint8Array(map.memory).fill(0);
    const words = new Uint32Array(map.memory, 0, STATE_WORDS);
    this.#maps.set(words, map);
    return words;
  }

  #map(): SharedMap | undefined {
    if (this.#refused !== undefined) return undefined;
    try {
      return free.pop() ?? new SharedMap(STATE_LEN, 'pktgen_device');
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.#refused = error.message;
      return undefined;
    }
  }

  /** What a worker needs to get at memory that was taken here. */
  share(words: Uint32Array): StateShare {
    const map = this.#maps.get(words);
    return map ? { address: map.address, fd: map.fd } : { shared: words.buffer as SharedArrayBuffer };
  }

  /** A device is gone: its memory may serve another. */
  release(words: Uint32Array): void {
    const map = this.#maps.get(words);
    if (!map || !this.#maps.delete(words)) return;
    free.push(map);
  }

  /** All devices are gone. */
  close(): void {
    for (const words of [...this.#maps.keys()]) this.release(words);
  }
}

/** The memory of a device in a worker. */
export interface OpenedMemory {
  readonly words: Uint32Array;
  /** The map that it lies in. */
  readonly fd?: number;
}

export const openMemory = (share: StateShare): OpenedMemory =>
  'shared' in share
    ? { words: new Uint32Array(share.shared) }
    : { words: new Uint32Array(memoryAt(share.address, STATE_WORDS * 4)), fd: share.fd };
