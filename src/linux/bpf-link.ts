import { Attributes, BPF, bpfAttr } from './bpf.ts';
import type { BpfProgram } from './bpf-program.ts';
import { declare } from './libc.ts';

const cClose = declare('int close(int fd)');

/** enum bpf_attach_type, linux/bpf.h. */
const BPF_XDP = 37;
/** Flags of linux/if_link.h: in the driver, or in the stack where the driver cannot. */
export const XDP_FLAGS = { SKB_MODE: 2, DRV_MODE: 4 } as const;
/** What an XDP program returns (enum xdp_action, linux/bpf.h). */
export const XDP = { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 } as const;

/** A program at its place; it is taken off when this is disposed of, and when the process ends however it does. */
export class BpfLink implements Disposable {
  readonly #fd: number;
  #open = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** An XDP program on a link. Wants CAP_BPF and CAP_NET_ADMIN. EBUSY: another program is there already. */
  static xdp(ifindex: number, program: BpfProgram, flags: number = XDP_FLAGS.DRV_MODE): BpfLink {
    const { linkCreate } = bpfAttr;
    const attributes = new Attributes(linkCreate.size)
      .u32(linkCreate.program, program.fd)
      .u32(linkCreate.target, ifindex)
      .u32(linkCreate.attachType, BPF_XDP)
      .u32(linkCreate.flags, flags);
    return new BpfLink(attributes.check(BPF.LINK_CREATE, `BPF_LINK_CREATE XDP link ${ifindex}`));
  }

  /** A program on a raw tracepoint of the kernel. Wants CAP_PERFMON. */
  static rawTracepoint(name: string, program: BpfProgram): BpfLink {
    const { rawTracepoint } = bpfAttr;
    const attributes = new Attributes(rawTracepoint.size)
      .pointer(rawTracepoint.name, Buffer.from(`${name}\0`))
      .u32(rawTracepoint.program, program.fd);
    return new BpfLink(attributes.check(BPF.RAW_TRACEPOINT_OPEN, `BPF_RAW_TRACEPOINT_OPEN ${name}`));
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    cClose(this.#fd);
  }
}
