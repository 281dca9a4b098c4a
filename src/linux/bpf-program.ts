import { Attributes, BPF, bpfAttr } from './bpf.ts';
import { ERRNO, SyscallError } from './errno.ts';
import { declare } from './libc.ts';

const cClose = declare('int close(int fd)');

/** Types of programs (enum bpf_prog_type, linux/bpf.h). */
export const PROGRAM_TYPE = { XDP: 6, RAW_TRACEPOINT: 17 } as const;
/** bpf_ktime_get_ns and others are for programs under a licence like this project's. */
const LICENSE = Buffer.from('GPL\0');
const INSTRUCTION_LEN = 8;
/** Room for what the verifier says; the end of it is what matters. */
const LOG_LEN = 1 << 20;

/** The verifier refused a program: a mistake in it, or a kernel that does not know something yet. */
export class VerifierError extends Error {
  override readonly name = 'VerifierError';
  readonly errno: number;
  /** The verifier's whole log, for those who look into it. */
  readonly log: string;
  constructor(name: string, errno: number, log: string) {
    super(`${new SyscallError('bpf', errno, `BPF_PROG_LOAD ${name}`).message}: ${lastLine(log)}`);
    this.errno = errno;
    this.log = log;
  }
}

/** What the verifier said last, before its statistics. */
const lastLine = (log: string): string =>
  log
    .split('\n')
    .filter((line) => line !== '' && !/^(processed|verification time|stack depth|insns_processed)/.test(line))
    .at(-1) ?? 'the verifier gave no reason';

/** A program that the kernel has taken. It stays as long as this, or something that it is attached to. */
export class BpfProgram implements Disposable {
  readonly fd: number;
  #open = true;

  /**
   * Loads a program. Wants CAP_BPF, and CAP_NET_ADMIN for XDP. Throws VerifierError when it was refused for what it does,
   * SyscallError for what this process may not do.
   */
  constructor(type: keyof typeof PROGRAM_TYPE, instructions: Uint8Array, name: string) {
    const { load } = bpfAttr;
    const attributes = new Attributes(load.size)
      .u32(load.type, PROGRAM_TYPE[type])
      .u32(load.insnCount, instructions.byteLength / INSTRUCTION_LEN)
      .pointer(load.insns, instructions)
      .pointer(load.license, LICENSE)
      .name(load.progName, name);
    const what = `BPF_PROG_LOAD ${name} (wants CAP_BPF and CAP_NET_ADMIN)`;
    let fd = attributes.call(BPF.PROG_LOAD);
    if (fd === -ERRNO.EINVAL || fd === -ERRNO.EACCES || fd === -ERRNO.E2BIG) {
      // The log costs time, so it is asked for only when there is something to tell.
      const log = Buffer.alloc(LOG_LEN);
      fd = attributes.u32(load.logLevel, 1).u32(load.logSize, LOG_LEN).pointer(load.logBuf, log).call(BPF.PROG_LOAD);
      const text = log.subarray(0, log.indexOf(0)).toString('latin1');
      if (fd < 0 && text !== '') throw new VerifierError(name, -fd, text);
    }
    if (fd < 0) throw new SyscallError('bpf', -fd, what);
    this.fd = fd;
  }
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    cClose(this.fd);
  }
}
