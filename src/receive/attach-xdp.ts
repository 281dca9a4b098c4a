import { BpfLink, XDP_FLAGS } from '../linux/bpf-link.ts';
import type { BpfProgram } from '../linux/bpf-program.ts';
import { ERRNO, SyscallError } from '../linux/errno.ts';

/** What becomes of a frame (enum xdp_action, linux/bpf.h). */
export const XDP = { DROP: 1, PASS: 2, TX: 3 } as const;

/** A program on a link, and where it runs. */
export interface AttachedXdp {
  readonly link: BpfLink;
  readonly where: 'driver' | 'stack';
}

/** Puts a program into the driver, else into the stack. Throws SyscallError: EBUSY where another program is. */
export function attachXdp(ifindex: number, program: BpfProgram): AttachedXdp {
  try {
    return { link: BpfLink.xdp(ifindex, program, XDP_FLAGS.DRV_MODE), where: 'driver' };
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno === ERRNO.EBUSY || error.errno === ERRNO.EPERM) throw error;
    return { link: BpfLink.xdp(ifindex, program, XDP_FLAGS.SKB_MODE), where: 'stack' };
  }
}
