import koffi from 'koffi';
import { SyscallError } from './errno.ts';
import { declare, lastErrno } from './libc.ts';

const cBpf = declare('long syscall(long number, int command, _Inout_ void *attributes, unsigned int size)');

/** The same on x86_64; arm64 and riscv64 number it 280. */
const SYS_BPF = process.arch === 'x64' ? 321 : 280;

/** Commands of enum bpf_cmd, linux/bpf.h. */
export const BPF = {
  MAP_CREATE: 0,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  PROG_LOAD: 5,
  PROG_TEST_RUN: 10,
  PROG_GET_NEXT_ID: 11,
  MAP_GET_NEXT_ID: 12,
  RAW_TRACEPOINT_OPEN: 17,
  LINK_CREATE: 28,
} as const;

/** The parts of union bpf_attr used here, linux/bpf.h. */
export const bpfAttr = {
  mapCreate: { size: 48, type: 0, keySize: 4, valueSize: 8, maxEntries: 12, flags: 16, numaNode: 24, name: 28 },
  mapUpdate: { size: 32, map: 0, key: 8, value: 16, flags: 24 },
  load: {
    size: 72,
    type: 0,
    insnCount: 4,
    insns: 8,
    license: 16,
    logLevel: 24,
    logSize: 28,
    logBuf: 32,
    progName: 48,
  },
  testRun: {
    size: 80,
    program: 0,
    retval: 4,
    dataSizeIn: 8,
    dataSizeOut: 12,
    dataIn: 16,
    dataOut: 24,
    repeat: 32,
    duration: 36,
    ctxSizeIn: 40,
    ctxSizeOut: 44,
    ctxIn: 48,
    ctxOut: 56,
    flags: 64,
    cpu: 68,
    batchSize: 72,
  },
  nextId: { size: 12, startId: 0, nextId: 4 },
  rawTracepoint: { size: 16, name: 0, program: 8 },
  linkCreate: { size: 16, program: 0, target: 4, attachType: 8, flags: 12 },
} as const;

/** Attributes of a call, as they are filled in. What they point to must live as long as they do. */
export class Attributes {
  readonly view: DataView;
  readonly #bytes: Uint8Array;
  readonly #pointees: ArrayBufferView[] = [];

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.view = new DataView(this.#bytes.buffer);
  }
  u32(at: number, value: number): this {
    this.view.setUint32(at, value, true);
    return this;
  }
  pointer(at: number, to: ArrayBufferView): this {
    this.#pointees.push(to);
    this.view.setBigUint64(at, BigInt(koffi.address(to)), true);
    return this;
  }
  /** A name of at most 15 characters. */
  name(at: number, name: string): this {
    this.#bytes.set(Buffer.from(name.slice(0, 15), 'latin1'), at);
    return this;
  }
  /** bpf(2). Gives what it returned, or a negative errno. */
  call(command: number): number {
    const returned = Number(cBpf(SYS_BPF, command, this.#bytes, this.#bytes.byteLength));
    return returned < 0 ? -lastErrno() : returned;
  }
  /** bpf(2). Throws SyscallError; `what` says what was wanted. */
  check(command: number, what: string): number {
    const returned = this.call(command);
    if (returned < 0) throw new SyscallError('bpf', -returned, what);
    return returned;
  }
}

/** Ids of the programs or maps that the kernel holds. Wants CAP_SYS_ADMIN. */
export function bpfIds(of: 'programs' | 'maps'): number[] {
  const ids: number[] = [];
  const attributes = new Attributes(bpfAttr.nextId.size);
  const command = of === 'programs' ? BPF.PROG_GET_NEXT_ID : BPF.MAP_GET_NEXT_ID;
  for (let id = 0; attributes.u32(bpfAttr.nextId.startId, id).call(command) === 0; ids.push(id)) {
    id = attributes.view.getUint32(bpfAttr.nextId.nextId, true);
  }
  return ids;
}
