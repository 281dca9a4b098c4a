/**
 * The FUSE protocol of linux/fuse.h, version 7.31: numbers and struct layouts, as data. All integers are in the byte
 * order of the machine.
 */
import { endianness } from 'node:os';

/** The byte order argument of DataView's methods. */
export const LITTLE_ENDIAN = endianness() === 'LE';

export const FUSE_KERNEL_VERSION = 7;
/** The newest minor version that we speak; the kernel talks down to it. */
export const FUSE_KERNEL_MINOR_VERSION = 31;
/** FUSE_ROOT_ID: the node of the root directory. */
export const FUSE_ROOT_ID = 1;

/** Flags of fuse_init_in and fuse_init_out. */
export const FUSE_INIT_FLAG = {
  ASYNC_READ: 1 << 0,
  ATOMIC_O_TRUNC: 1 << 3,
  BIG_WRITES: 1 << 5,
  PARALLEL_DIROPS: 1 << 18,
} as const;

/** FOPEN_DIRECT_IO of fuse_open_out: each read(2) and write(2) comes to us, nothing is cached. */
export const FOPEN_DIRECT_IO = 1 << 0;

/** Bits of fuse_setattr_in.valid. */
export const FATTR = { MODE: 1 << 0, UID: 1 << 1, GID: 1 << 2, SIZE: 1 << 3 } as const;

/** struct fuse_in_header. */
export const fuseInHeader = { size: 40, len: 0, opcode: 4, unique: 8, nodeid: 16, uid: 24, gid: 28, pid: 32 } as const;
/** struct fuse_out_header. */
export const fuseOutHeader = { size: 16, len: 0, error: 4, unique: 8 } as const;
/** struct fuse_init_in, as far as we read it. */
export const fuseInitIn = { major: 0, minor: 4, max_readahead: 8, flags: 12 } as const;
/** struct fuse_init_out. */
export const fuseInitOut = {
  size: 64,
  major: 0,
  minor: 4,
  max_readahead: 8,
  flags: 12,
  max_background: 16,
  congestion_threshold: 18,
  max_write: 20,
  time_gran: 24,
} as const;
/** struct fuse_attr. */
export const fuseAttr = {
  size: 88,
  ino: 0,
  fileSize: 8,
  blocks: 16,
  atime: 24,
  mtime: 32,
  ctime: 40,
  atimensec: 48,
  mtimensec: 52,
  ctimensec: 56,
  mode: 60,
  nlink: 64,
  uid: 68,
  gid: 72,
  rdev: 76,
  blksize: 80,
  flags: 84,
} as const;
/** struct fuse_entry_out; the times that the kernel may believe it stay zero. */
export const fuseEntryOut = { size: 128, nodeid: 0, attr: 40 } as const;
/** struct fuse_attr_out; the time that the kernel may believe it stays zero. */
export const fuseAttrOut = { size: 104, attr: 16 } as const;
/** struct fuse_forget_in. */
export const fuseForgetIn = { nlookup: 0 } as const;
/** struct fuse_batch_forget_in, followed by `count` times struct fuse_forget_one. */
export const fuseBatchForgetIn = { size: 8, count: 0 } as const;
/** struct fuse_forget_one. */
export const fuseForgetOne = { size: 16, nodeid: 0, nlookup: 8 } as const;
/** struct fuse_setattr_in, as far as we read it. */
export const fuseSetattrIn = { valid: 0, mode: 68, uid: 76, gid: 80 } as const;
/** struct fuse_open_out. */
export const fuseOpenOut = { size: 16, fh: 0, open_flags: 8 } as const;
/** struct fuse_read_in (READ and READDIR). */
export const fuseReadIn = { fh: 0, offset: 8, bytes: 16 } as const;
/** struct fuse_write_in; the data follows. */
export const fuseWriteIn = { size: 40, fh: 0, offset: 8, bytes: 16 } as const;
/** struct fuse_write_out. */
export const fuseWriteOut = { size: 8, bytes: 0 } as const;
/** struct fuse_release_in (RELEASE and RELEASEDIR). */
export const fuseReleaseIn = { fh: 0 } as const;
/** struct fuse_statfs_out. */
export const fuseStatfsOut = { size: 80, bsize: 40, namelen: 44, frsize: 48 } as const;
/** struct fuse_interrupt_in. */
export const fuseInterruptIn = { unique: 0 } as const;
/** struct fuse_getxattr_in; the name follows. */
export const fuseGetxattrIn = { size: 8, bytes: 0 } as const;
/** struct fuse_getxattr_out: the answer to a request for the size only. */
export const fuseGetxattrOut = { size: 8, bytes: 0 } as const;
/** struct fuse_dirent: the name follows, padded to 8 bytes. */
export const fuseDirent = { size: 24, ino: 0, off: 8, namelen: 16, type: 20 } as const;
/** Bytes before the names of the requests that make or move something. */
export const fuseNameAt = { mknod: 16, mkdir: 8, link: 8, rename: 8, rename2: 16, create: 16 } as const;
