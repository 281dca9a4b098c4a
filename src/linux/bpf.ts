import koffi from 'koffi';
import { SyscallError } from './errno.ts';
import { declare, lastErrno } from './libc.ts';

const cBpf = declare('long syscall(long number, int command, _Inout_ void *attributes, unsigned int size)');
const cClose = declare('int close(int fd)');

/** The same on x86_64; arm64 and riscv64 number it 280. */
const SYS_BPF = process.arch === 'x64' ? 321 : 280;
/** Commands of enum bpf_cmd, linux/bpf.h. */
const BPF = { PROG_LOAD: 5, LINK_CREATE: 28 } as const;
const BPF_PROG_TYPE_XDP = 6;
const BPF_XDP = 37;
/** Flags of linux/if_link.h: in the driver, or in the stack where the driver cannot. */
export const XDP_FLAGS = { SKB_MODE: 2, DRV_MODE: 4 } as const;

/** The parts of union bpf_attr used here, linux/bpf.h. */
export const bpfAttr = {
  load: { size: 48, type: 0, insnCount: 4, insns: 8, license: 16 },
  linkCreate: { size: 16, program: 0, target: 4, attachType: 8, flags: 12 },
} as const;

function bpf(command: number, attributes: DataView, what: string): number {
  const returned = Number(cBpf(SYS_BPF, command, new Uint8Array(attributes.buffer), attributes.byteLength));
  if (returned < 0) throw new SyscallError('bpf', lastErrno(), what);
  return returned;
}

/** An XDP program on a link; it is taken off when this is disposed of, and when the process ends however it does. */
export class XdpAttachment implements Disposable {
  readonly #fds: number[];

  /** Loads eBPF instructions and attaches them. Wants CAP_BPF and CAP_NET_ADMIN. */
  constructor(ifindex: number, instructions: BigUint64Array, flags: number = XDP_FLAGS.DRV_MODE) {
    const license = Buffer.from('GPL\0');
    const load = new DataView(new ArrayBuffer(bpfAttr.load.size));
    load.setUint32(bpfAttr.load.type, BPF_PROG_TYPE_XDP, true);
    load.setUint32(bpfAttr.load.insnCount, instructions.length, true);
    load.setBigUint64(bpfAttr.load.insns, BigInt(koffi.address(instructions)), true);
    load.setBigUint64(bpfAttr.load.license, BigInt(koffi.address(license)), true);
    const program = bpf(BPF.PROG_LOAD, load, 'BPF_PROG_LOAD XDP (wants CAP_BPF)');
    this.#fds = [program];
    const link = new DataView(new ArrayBuffer(bpfAttr.linkCreate.size));
    link.setUint32(bpfAttr.linkCreate.program, program, true);
    link.setUint32(bpfAttr.linkCreate.target, ifindex, true);
    link.setUint32(bpfAttr.linkCreate.attachType, BPF_XDP, true);
    link.setUint32(bpfAttr.linkCreate.flags, flags, true);
    try {
      this.#fds.unshift(bpf(BPF.LINK_CREATE, link, `BPF_LINK_CREATE XDP link ${ifindex}`));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) cClose(fd);
  }
}

/** A program that drops every frame: `r0 = XDP_DROP; exit`. */
export const XDP_DROP_ALL = BigUint64Array.of(0x0000_0001_0000_00b7n, 0x95n);
