import { constants } from 'node:fs';
import type { ErrnoName } from '../linux/errno.ts';
import { FUSE_ROOT_ID } from '../linux/fuse-abi.ts';
import type {
  FuseCaller,
  FuseChange,
  FuseDirectoryEntry,
  FuseEntry,
  FuseHandler,
  FuseStat,
} from '../linux/fuse-handler.ts';
import type { ControlFiles } from '../pktgen/control-files.ts';
import { hasNetAdmin } from './net-admin.ts';

const { S_IFDIR, S_IFREG, S_IFMT } = constants;

/** The extended attribute of the root directory that holds the pid of the daemon that serves it. */
export const DAEMON_PID_ATTRIBUTE = 'user.pktgen.pid';

/** A control file as people see it, for as long as it is the same one. */
interface Inode {
  readonly ino: number;
  readonly name: string;
  /** ControlFiles.identity of the time when it was found. */
  readonly identity: number;
  mode: number;
  uid: number;
  gid: number;
  readonly timeMs: number;
}

interface OpenFile {
  readonly inode: Inode;
  /** What the first read saw: later reads go on in the same text, as seq_file does. */
  text?: Uint8Array;
}

/**
 * The control files as the kernel shows /proc/net/pktgen: a directory 0555 of files 0600, size 0. What chmod and chown
 * change is kept for as long as the file exists; `clock` gives milliseconds since 1970.
 */
export class ControlFileSystem implements FuseHandler {
  readonly #files: ControlFiles;
  readonly #clock: () => number;
  readonly #root: FuseStat;
  readonly #inodes = new Map<string, Inode>();
  /**
   * Each LOOKUP gives a node of its own, so that each open file has its own lock in the kernel: FUSE holds an inode's
   * lock during a write, and a `stop` must get past the write of `start` that waits.
   */
  readonly #nodes = new Map<number, { readonly inode: Inode; lookups: number }>();
  readonly #opened = new Map<number, OpenFile>();
  readonly #directories = new Map<number, readonly FuseDirectoryEntry[]>();
  #lastNumber = FUSE_ROOT_ID;

  constructor(files: ControlFiles, clock: () => number = Date.now) {
    this.#files = files;
    this.#clock = clock;
    const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    this.#root = { ino: FUSE_ROOT_ID, mode: S_IFDIR | 0o555, nlink: 2, ...owner, size: 0, timeMs: clock() };
  }

  lookup(parent: number, name: string): FuseEntry | ErrnoName {
    const inode = parent === FUSE_ROOT_ID ? this.#inode(name) : undefined;
    if (inode === undefined) return 'ENOENT';
    const node = this.#nextNumber();
    this.#nodes.set(node, { inode, lookups: 1 });
    return { node, stat: this.#stat(inode) };
  }

  forget(node: number, lookups: number): void {
    const known = this.#nodes.get(node);
    if (known === undefined) return;
    known.lookups -= lookups;
    if (known.lookups <= 0) this.#nodes.delete(node);
  }

  stat(node: number): FuseStat | ErrnoName {
    if (node === FUSE_ROOT_ID) return this.#root;
    const inode = this.#nodes.get(node)?.inode;
    return inode === undefined ? 'ESTALE' : this.#stat(inode);
  }

  change(node: number, { mode, uid, gid }: FuseChange): FuseStat | ErrnoName {
    // The kernel's directory keeps its owner and mode too, but that of one mount is nobody's concern.
    if (node === FUSE_ROOT_ID)
      return mode === undefined && uid === undefined && gid === undefined ? this.#root : 'EPERM';
    const inode = this.#nodes.get(node)?.inode;
    if (inode === undefined) return 'ESTALE';
    if (mode !== undefined) inode.mode = S_IFREG | (mode & ~S_IFMT);
    if (uid !== undefined) inode.uid = uid;
    if (gid !== undefined) inode.gid = gid;
    return this.#stat(inode);
  }

  open(node: number): number | ErrnoName {
    const inode = this.#nodes.get(node)?.inode;
    if (inode === undefined || !this.#exists(inode)) return 'ENOENT';
    const handle = this.#nextNumber();
    this.#opened.set(handle, { inode });
    return handle;
  }

  read(handle: number, offset: number, size: number): Uint8Array | ErrnoName {
    const file = this.#opened.get(handle);
    if (file === undefined) return 'EBADF';
    if (!this.#exists(file.inode)) return 'EIO';
    if (offset === 0 || file.text === undefined) {
      const text = this.#files.read(file.inode.name);
      if (text === undefined) return 'EIO';
      file.text = Buffer.from(text, 'latin1');
    }
    return file.text.subarray(offset, offset + size);
  }

  async write(handle: number, data: Uint8Array, caller: FuseCaller): Promise<number | ErrnoName> {
    const file = this.#opened.get(handle);
    if (file === undefined) return 'EBADF';
    const { inode } = file;
    const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
    const { pid, uid, signal } = caller;
    const capable = hasNetAdmin(pid, uid);
    if (!this.#exists(inode)) return 'EIO';
    return Math.min(await this.#files.write(inode.name, text, { capable, signal }), text.length);
  }

  release(handle: number): void {
    this.#opened.delete(handle);
  }

  openDirectory(node: number): number | ErrnoName {
    if (node !== FUSE_ROOT_ID) return 'ENOTDIR';
    const handle = this.#nextNumber();
    this.#directories.set(handle, this.#entries());
    return handle;
  }

  listDirectory(handle: number, rewind: boolean): readonly FuseDirectoryEntry[] | ErrnoName {
    if (rewind && this.#directories.has(handle)) this.#directories.set(handle, this.#entries());
    return this.#directories.get(handle) ?? 'EBADF';
  }

  releaseDirectory(handle: number): void {
    this.#directories.delete(handle);
  }

  attribute(node: number, name: string): Uint8Array | ErrnoName {
    if (node !== FUSE_ROOT_ID || name !== DAEMON_PID_ATTRIBUTE) return 'ENODATA';
    return Buffer.from(String(process.pid), 'latin1');
  }

  refuseCreate(): ErrnoName {
    return 'ENOENT';
  }

  refuseRemove(): ErrnoName {
    return 'EPERM';
  }

  /** As the kernel's rename in a directory without that operation: EPERM if the new name exists. */
  refuseRename(_parent: number, _name: string, newParent: number, newName: string): ErrnoName {
    return newParent === FUSE_ROOT_ID && this.#files.identity(newName) !== undefined ? 'EPERM' : 'ENOENT';
  }

  /** One sequence for nodes, handles and inode numbers; it never comes round. */
  #nextNumber(): number {
    return ++this.#lastNumber;
  }

  #exists(inode: Inode): boolean {
    return this.#files.identity(inode.name) === inode.identity;
  }

  #stat(inode: Inode): FuseStat {
    const { ino, mode, uid, gid, timeMs } = inode;
    return { ino, mode, nlink: this.#exists(inode) ? 1 : 0, uid, gid, size: 0, timeMs };
  }

  /** The inode of a file that exists, made when it is first asked for. */
  #inode(name: string): Inode | undefined {
    const identity = this.#files.identity(name);
    const known = this.#inodes.get(name);
    if (known !== undefined && known.identity === identity) return known;
    if (identity === undefined) {
      this.#inodes.delete(name);
      return undefined;
    }
    const { uid, gid } = this.#root;
    const inode = { ino: this.#nextNumber(), name, identity, mode: S_IFREG | 0o600, uid, gid, timeMs: this.#clock() };
    this.#inodes.set(name, inode);
    return inode;
  }

  #entries(): readonly FuseDirectoryEntry[] {
    const names = this.#files.list();
    this.#forgetVanished(new Set(names));
    const files = names.flatMap((name) => {
      const inode = this.#inode(name);
      return inode === undefined ? [] : [{ name, ino: inode.ino, mode: S_IFREG }];
    });
    const own = { ino: FUSE_ROOT_ID, mode: S_IFDIR };
    return [{ name: '.', ...own }, { name: '..', ...own }, ...files];
  }

  #forgetVanished(names: ReadonlySet<string>): void {
    for (const name of this.#inodes.keys()) if (!names.has(name)) this.#inodes.delete(name);
  }
}
