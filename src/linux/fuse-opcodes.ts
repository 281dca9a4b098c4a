import type { ErrnoName } from './errno.ts';
import {
  FATTR,
  FOPEN_DIRECT_IO,
  FUSE_INIT_FLAG,
  FUSE_KERNEL_MINOR_VERSION,
  FUSE_KERNEL_VERSION,
  fuseAttr,
  fuseAttrOut,
  fuseBatchForgetIn,
  fuseDirent,
  fuseEntryOut,
  fuseForgetIn,
  fuseForgetOne,
  fuseGetxattrIn,
  fuseGetxattrOut,
  fuseInitIn,
  fuseInitOut,
  fuseInterruptIn,
  fuseNameAt,
  fuseOpenOut,
  fuseReadIn,
  fuseReleaseIn,
  fuseSetattrIn,
  fuseStatfsOut,
  fuseWriteIn,
  fuseWriteOut,
  LITTLE_ENDIAN,
} from './fuse-abi.ts';
import type { FuseCaller, FuseChange, FuseDirectoryEntry, FuseEntry, FuseHandler, FuseStat } from './fuse-handler.ts';

/** The most data of one WRITE request, bytes: 32 pages, what every kernel allows without being asked. */
export const MAX_WRITE = 128 * 1024;
/** Times are exact to the nanosecond as far as the kernel is concerned. */
const TIME_GRANULARITY_NS = 1;
const S_IFMT_SHIFT = 12;

/** A request as read from the device: valid until its handler first waits. */
export interface FuseRequest extends FuseCaller {
  readonly node: number;
  /** What follows the header. */
  readonly body: DataView;
}

/** What a row needs besides its request. */
export interface FuseConnection {
  readonly handler: FuseHandler;
  /** Tells a pending request that its caller got a signal. */
  interrupt(unique: bigint): void;
}

/** What goes back: a payload, an errno by name or as a negative number, or nothing at all. */
export type FuseReply = Uint8Array | ErrnoName | number | undefined;

interface OpcodeRow {
  readonly name: string;
  readonly serve: (request: FuseRequest, connection: FuseConnection) => FuseReply | Promise<FuseReply>;
}

const EMPTY = new Uint8Array(0);
const utf8 = new TextDecoder();

const u32 = (view: DataView, at: number): number => view.getUint32(at, LITTLE_ENDIAN);
const u64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, LITTLE_ENDIAN));
const bytesOf = (view: DataView, at: number, length = view.byteLength - at): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, length);

/** The NUL-terminated names from `at` to the end of the body. */
const namesAt = (body: DataView, at: number): [string, string] => {
  const [first = '', second = ''] = utf8.decode(bytesOf(body, at)).split('\0');
  return [first, second];
};

function struct(size: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer));
  return bytes;
}

function putStat(view: DataView, at: number, stat: FuseStat): void {
  const put32 = (offset: number, value: number) => view.setUint32(at + offset, value, LITTLE_ENDIAN);
  const put64 = (offset: number, value: number) => view.setBigUint64(at + offset, BigInt(value), LITTLE_ENDIAN);
  const seconds = Math.floor(stat.timeMs / 1000);
  const nanoseconds = Math.floor((stat.timeMs - seconds * 1000) * 1e6);
  put64(fuseAttr.ino, stat.ino);
  put64(fuseAttr.fileSize, stat.size);
  for (const field of [fuseAttr.atime, fuseAttr.mtime, fuseAttr.ctime]) put64(field, seconds);
  for (const field of [fuseAttr.atimensec, fuseAttr.mtimensec, fuseAttr.ctimensec]) put32(field, nanoseconds);
  put32(fuseAttr.mode, stat.mode);
  put32(fuseAttr.nlink, stat.nlink);
  put32(fuseAttr.uid, stat.uid);
  put32(fuseAttr.gid, stat.gid);
  put32(fuseAttr.blksize, 4096);
}

const statReply = (stat: FuseStat): Uint8Array =>
  struct(fuseAttrOut.size, (view) => putStat(view, fuseAttrOut.attr, stat));

const entryReply = (entry: FuseEntry): Uint8Array =>
  struct(fuseEntryOut.size, (view) => {
    view.setBigUint64(fuseEntryOut.nodeid, BigInt(entry.node), LITTLE_ENDIAN);
    putStat(view, fuseEntryOut.attr, entry.stat);
  });

const openReply =
  (flags: number) =>
  (handle: number): Uint8Array =>
    struct(fuseOpenOut.size, (view) => {
      view.setBigUint64(fuseOpenOut.fh, BigInt(handle), LITTLE_ENDIAN);
      view.setUint32(fuseOpenOut.open_flags, flags, LITTLE_ENDIAN);
    });

const writeReply = (taken: number): FuseReply =>
  taken < 0 ? taken : struct(fuseWriteOut.size, (view) => view.setUint32(fuseWriteOut.bytes, taken, LITTLE_ENDIAN));

/** The entries from the one numbered `first` on, as many as fit into `size` bytes. */
function directoryReply(entries: readonly FuseDirectoryEntry[], first: number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [index, entry] of entries.entries()) {
    if (index < first) continue;
    const name = new TextEncoder().encode(entry.name);
    const length = (fuseDirent.size + name.length + 7) & ~7;
    if (at + length > size) break;
    view.setBigUint64(at + fuseDirent.ino, BigInt(entry.ino), LITTLE_ENDIAN);
    view.setBigUint64(at + fuseDirent.off, BigInt(index + 1), LITTLE_ENDIAN);
    view.setUint32(at + fuseDirent.namelen, name.length, LITTLE_ENDIAN);
    view.setUint32(at + fuseDirent.type, entry.mode >> S_IFMT_SHIFT, LITTLE_ENDIAN);
    out.set(name, at + fuseDirent.size);
    at += length;
  }
  return out.subarray(0, at);
}

function attributeReply(value: Uint8Array, room: number): FuseReply {
  if (room === 0) {
    return struct(fuseGetxattrOut.size, (view) => view.setUint32(fuseGetxattrOut.bytes, value.length, LITTLE_ENDIAN));
  }
  return value.length > room ? -ERANGE : value;
}
/** Not in the table of errno.ts, and only met here. */
const ERANGE = 34;

function initReply(body: DataView): FuseReply {
  if (u32(body, fuseInitIn.major) < FUSE_KERNEL_VERSION) return 'EPROTONOSUPPORT';
  const { ASYNC_READ, ATOMIC_O_TRUNC, BIG_WRITES, PARALLEL_DIROPS } = FUSE_INIT_FLAG;
  const wanted = ASYNC_READ | ATOMIC_O_TRUNC | BIG_WRITES | PARALLEL_DIROPS;
  return struct(fuseInitOut.size, (view) => {
    const put32 = (offset: number, value: number) => view.setUint32(offset, value, LITTLE_ENDIAN);
    put32(fuseInitOut.major, FUSE_KERNEL_VERSION);
    // A newer major gets only our own; the kernel then asks again with that one.
    put32(fuseInitOut.minor, Math.min(FUSE_KERNEL_MINOR_VERSION, u32(body, fuseInitIn.minor)));
    put32(fuseInitOut.max_readahead, u32(body, fuseInitIn.max_readahead));
    put32(fuseInitOut.flags, wanted & u32(body, fuseInitIn.flags));
    put32(fuseInitOut.max_write, MAX_WRITE);
    put32(fuseInitOut.time_gran, TIME_GRANULARITY_NS);
  });
}

function forgetAll(body: DataView, handler: FuseHandler): undefined {
  for (let index = 0; index < u32(body, fuseBatchForgetIn.count); index++) {
    const at = fuseBatchForgetIn.size + index * fuseForgetOne.size;
    handler.forget(u64(body, at + fuseForgetOne.nodeid), u64(body, at + fuseForgetOne.nlookup));
  }
  return undefined;
}

function changeOf(body: DataView): FuseChange {
  const valid = u32(body, fuseSetattrIn.valid);
  return {
    ...(valid & FATTR.MODE && { mode: u32(body, fuseSetattrIn.mode) }),
    ...(valid & FATTR.UID && { uid: u32(body, fuseSetattrIn.uid) }),
    ...(valid & FATTR.GID && { gid: u32(body, fuseSetattrIn.gid) }),
  };
}

/** Waits for an answer, and gives it to `encode` unless it is an errno. A plain answer stays synchronous. */
function answer<T>(
  given: T | ErrnoName | Promise<T | ErrnoName>,
  encode: (value: T) => FuseReply,
): FuseReply | Promise<FuseReply> {
  const reply = (value: T | ErrnoName): FuseReply => (isErrno(value) ? value : encode(value));
  return given instanceof Promise ? given.then(reply) : reply(given);
}
const isErrno = <T>(value: T | ErrnoName): value is ErrnoName => typeof value === 'string';

const creating =
  (nameAt: number): OpcodeRow['serve'] =>
  ({ node, body }, { handler }) =>
    handler.refuseCreate(node, namesAt(body, nameAt)[0]);
const removing: OpcodeRow['serve'] = ({ node, body }, { handler }) => handler.refuseRemove(node, namesAt(body, 0)[0]);
const renaming =
  (nameAt: number): OpcodeRow['serve'] =>
  ({ node, body }, { handler }) => {
    const [name, newName] = namesAt(body, nameAt);
    return handler.refuseRename(node, name, u64(body, 0), newName);
  };
const nothing: OpcodeRow['serve'] = () => EMPTY;
/** Answered so, the kernel does what it does for a file system without this, and asks no more. */
const unknown: OpcodeRow['serve'] = () => 'ENOSYS';

/** Every request that we know, by enum fuse_opcode. One that is missing is answered with ENOSYS. */
export const FUSE_OPCODES: ReadonlyMap<number, OpcodeRow> = new Map<number, OpcodeRow>([
  [
    1,
    {
      name: 'LOOKUP',
      serve: ({ node, body }, { handler }) => answer(handler.lookup(node, namesAt(body, 0)[0]), entryReply),
    },
  ],
  [
    2,
    {
      name: 'FORGET',
      serve: ({ node, body }, { handler }) => {
        handler.forget(node, u64(body, fuseForgetIn.nlookup));
        return undefined;
      },
    },
  ],
  [3, { name: 'GETATTR', serve: ({ node }, { handler }) => answer(handler.stat(node), statReply) }],
  [
    4,
    {
      name: 'SETATTR',
      serve: ({ node, body }, { handler }) => answer(handler.change(node, changeOf(body)), statReply),
    },
  ],
  [6, { name: 'SYMLINK', serve: creating(0) }],
  [8, { name: 'MKNOD', serve: creating(fuseNameAt.mknod) }],
  [9, { name: 'MKDIR', serve: creating(fuseNameAt.mkdir) }],
  [10, { name: 'UNLINK', serve: removing }],
  [11, { name: 'RMDIR', serve: removing }],
  [12, { name: 'RENAME', serve: renaming(fuseNameAt.rename) }],
  [13, { name: 'LINK', serve: creating(fuseNameAt.link) }],
  [14, { name: 'OPEN', serve: ({ node }, { handler }) => answer(handler.open(node), openReply(FOPEN_DIRECT_IO)) }],
  [
    15,
    {
      name: 'READ',
      serve: ({ body }, { handler }) =>
        answer(
          handler.read(u64(body, fuseReadIn.fh), u64(body, fuseReadIn.offset), u32(body, fuseReadIn.bytes)),
          (bytes) => bytes,
        ),
    },
  ],
  [
    16,
    {
      name: 'WRITE',
      serve: (request, { handler }) => {
        const data = bytesOf(request.body, fuseWriteIn.size, u32(request.body, fuseWriteIn.bytes));
        return answer(handler.write(u64(request.body, fuseWriteIn.fh), data, request), writeReply);
      },
    },
  ],
  [
    17,
    {
      name: 'STATFS',
      serve: () =>
        struct(fuseStatfsOut.size, (view) => {
          view.setUint32(fuseStatfsOut.bsize, 4096, LITTLE_ENDIAN);
          view.setUint32(fuseStatfsOut.frsize, 4096, LITTLE_ENDIAN);
          view.setUint32(fuseStatfsOut.namelen, 255, LITTLE_ENDIAN);
        }),
    },
  ],
  [
    18,
    {
      name: 'RELEASE',
      serve: ({ body }, { handler }) => {
        handler.release(u64(body, fuseReleaseIn.fh));
        return EMPTY;
      },
    },
  ],
  [20, { name: 'FSYNC', serve: nothing }],
  [
    22,
    {
      name: 'GETXATTR',
      serve: ({ node, body }, { handler }) =>
        answer(handler.attribute(node, namesAt(body, fuseGetxattrIn.size)[0]), (value) =>
          attributeReply(value, u32(body, fuseGetxattrIn.bytes)),
        ),
    },
  ],
  [25, { name: 'FLUSH', serve: unknown }],
  [26, { name: 'INIT', serve: ({ body }) => initReply(body) }],
  [27, { name: 'OPENDIR', serve: ({ node }, { handler }) => answer(handler.openDirectory(node), openReply(0)) }],
  [
    28,
    {
      name: 'READDIR',
      serve: ({ body }, { handler }) => {
        const first = u64(body, fuseReadIn.offset);
        const size = u32(body, fuseReadIn.bytes);
        return answer(handler.listDirectory(u64(body, fuseReadIn.fh), first === 0), (entries) =>
          directoryReply(entries, first, size),
        );
      },
    },
  ],
  [
    29,
    {
      name: 'RELEASEDIR',
      serve: ({ body }, { handler }) => {
        handler.releaseDirectory(u64(body, fuseReleaseIn.fh));
        return EMPTY;
      },
    },
  ],
  [30, { name: 'FSYNCDIR', serve: nothing }],
  [34, { name: 'ACCESS', serve: unknown }],
  [35, { name: 'CREATE', serve: creating(fuseNameAt.create) }],
  [
    36,
    {
      name: 'INTERRUPT',
      serve: ({ body }, connection) => {
        connection.interrupt(body.getBigUint64(fuseInterruptIn.unique, LITTLE_ENDIAN));
        return undefined;
      },
    },
  ],
  [38, { name: 'DESTROY', serve: nothing }],
  [40, { name: 'POLL', serve: unknown }],
  [42, { name: 'BATCH_FORGET', serve: ({ body }, { handler }) => forgetAll(body, handler) }],
  [45, { name: 'RENAME2', serve: renaming(fuseNameAt.rename2) }],
  [46, { name: 'LSEEK', serve: unknown }],
]);
