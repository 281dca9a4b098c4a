/** Error numbers of asm-generic/errno-base.h and errno.h that pktgen gives or meets. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENODATA: 61,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EALREADY: 114,
  EINPROGRESS: 115,
  ESTALE: 116,
  ECANCELED: 125,
} as const;
export type ErrnoName = keyof typeof ERRNO;

const names = new Map<number, ErrnoName>(
  Object.entries(ERRNO).map(([name, code]) => [code, name as ErrnoName] as const),
);
/** The symbolic name of an error number, or `errno N` for one that is not in the table. */
export const errnoName = (code: number): string => names.get(code) ?? `errno ${code}`;

/** The kernel said no: reads like a line of strace, `mount /dev/fuse: EPERM`. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  readonly syscall: string;
  /** The errno as a positive number. */
  readonly errno: number;
  /** Its symbolic name, as Node's own errors carry it. */
  readonly code: string;
  constructor(syscall: string, errno: number, detail?: string) {
    super(`${syscall}${detail === undefined ? '' : ` ${detail}`}: ${errnoName(errno)}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

/** The running kernel lacks a feature that mainline has had since `since`. */
export class NotSupported extends Error {
  override readonly name = 'NotSupported';
  readonly feature: string;
  readonly since: string;
  constructor(feature: string, since: string, options?: ErrorOptions) {
    super(`${feature} needs Linux ${since} or newer`, options);
    this.feature = feature;
    this.since = since;
  }
}
