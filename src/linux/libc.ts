import koffi from 'koffi';
import { SyscallError } from './errno.ts';

/**
 * The C library of this process. Only this folder imports koffi; a call costs about 100 ns, so one call for a burst,
 * never for a packet.
 */
const libc = koffi.load(null);

/** Declares a C function: `declare('int close(int fd)')`. */
export const declare = (prototype: string) => libc.func(prototype);

/** The errno of the last call made through koffi on this thread. */
export const lastErrno = (): number => koffi.errno();

/** Gives back what a call returned, or throws what the kernel said when that is negative. */
export function check(returned: number, syscall: string, detail?: string): number {
  if (returned < 0) throw new SyscallError(syscall, lastErrno(), detail);
  return returned;
}
