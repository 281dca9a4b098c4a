import type { ErrnoName } from './errno.ts';

/** What an operation gives: its answer, or the name of the errno it fails with. */
export type Answer<T> = T | ErrnoName | Promise<T | ErrnoName>;

/** Who asks. */
export interface FuseCaller {
  /** User and group, as the user namespace of the mount sees them. */
  readonly uid: number;
  readonly gid: number;
  /** The thread that made the system call; 0 when it is outside our pid namespace. */
  readonly pid: number;
  /** Aborted when the caller got a signal, or when the mount ends. */
  readonly signal: AbortSignal;
}

/** What stat(2) shows. */
export interface FuseStat {
  /** The inode number that people see; several nodes may share one. */
  readonly ino: number;
  /** Type and permissions, `S_IFREG | 0o600`. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Access, modification and change time, milliseconds since 1970. */
  readonly timeMs: number;
}

/** What LOOKUP gives: the kernel's name for the file from now on until it forgets it, and its stat. */
export interface FuseEntry {
  readonly node: number;
  readonly stat: FuseStat;
}

/** An entry of a directory. */
export interface FuseDirectoryEntry {
  readonly name: string;
  readonly ino: number;
  /** Its S_IFMT bits. */
  readonly mode: number;
}

/** What chmod and chown ask for; a change of size or times is not passed on. */
export interface FuseChange {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * A file system whose files come and go by themselves: what a user may do to the directory is only refused. Nodes are
 * the numbers that `lookup` gave, handles those that `open` and `opendir` gave.
 */
export interface FuseHandler {
  lookup(parent: number, name: string): Answer<FuseEntry>;
  /** The kernel dropped `lookups` of the references that it got by `lookup`. */
  forget(node: number, lookups: number): void;
  stat(node: number): Answer<FuseStat>;
  change(node: number, change: FuseChange): Answer<FuseStat>;
  open(node: number): Answer<number>;
  /** At most `size` bytes from `offset` on; fewer only at the end. */
  read(handle: number, offset: number, size: number): Answer<Uint8Array>;
  /** Bytes taken, or a negative errno. `data` is only valid until the function first waits. */
  write(handle: number, data: Uint8Array, caller: FuseCaller): Answer<number>;
  release(handle: number): void;
  openDirectory(node: number): Answer<number>;
  /** All entries, as they were when the directory was opened or last rewound (`rewind`). */
  listDirectory(handle: number, rewind: boolean): Answer<readonly FuseDirectoryEntry[]>;
  releaseDirectory(handle: number): void;
  /** The value of an extended attribute. */
  attribute(node: number, name: string): Answer<Uint8Array>;
  /** Why a new file, directory or link of this name cannot be made. */
  refuseCreate(parent: number, name: string): ErrnoName;
  refuseRemove(parent: number, name: string): ErrnoName;
  refuseRename(parent: number, name: string, newParent: number, newName: string): ErrnoName;
}
