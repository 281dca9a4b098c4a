import { readFileSync } from 'node:fs';
import { check, declare } from './libc.ts';

/** MS_ flags of mount(2), linux/mount.h. */
export const MS = {
  NOSUID: 1 << 1,
  NODEV: 1 << 2,
  NOEXEC: 1 << 3,
  BIND: 1 << 12,
  MOVE: 1 << 13,
  REC: 1 << 14,
  PRIVATE: 1 << 18,
} as const;
/** Flags of umount2(2). */
export const UMOUNT = { FORCE: 1, DETACH: 2 } as const;
/** CLONE_NEWNS of unshare(2): a mount namespace of its own. */
const CLONE_NEWNS = 0x20000;

// The numbers are the same on every architecture that Node runs on; glibc has wrappers only since 2.36.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

const cMount = declare(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const cUmount2 = declare('int umount2(const char *target, int flags)');
// Not node:fs: a worker thread warns about descriptors that it did not open itself.
const cClose = declare('int close(int fd)');
const cUnshare = declare('int unshare(int flags)');
const cOpenTree = declare('long syscall(long number, int dirfd, const char *path, unsigned int flags)');
const cMoveMount = declare(
  'long syscall(long number, int from_dirfd, const char *from_path, int to_dirfd, const char *to_path, unsigned int flags)',
);

/** What mount(2) takes. */
export interface MountOptions {
  readonly source?: string;
  readonly type?: string;
  /** Bits of MS. */
  readonly flags?: number;
  /** Options of the file system, separated by commas. */
  readonly data?: string;
}

/** mount(2). Throws SyscallError. */
export function mount(target: string, { source, type, flags = 0, data }: MountOptions): void {
  check(cMount(source ?? null, target, type ?? null, flags, data ?? null), 'mount', target);
}

/** umount2(2) with bits of UMOUNT. Throws SyscallError: EBUSY while in use, EINVAL where nothing is mounted. */
export function umount(target: string, flags = 0): void {
  check(cUmount2(target, flags), 'umount2', target);
}

/** Shows the tree at `source` at `target` too. Throws SyscallError. */
export const bindMount = (source: string, target: string): void => mount(target, { source, flags: MS.BIND });

/** Takes the mount at `source` away from there and puts it at `target`. Throws SyscallError. */
export const moveMount = (source: string, target: string): void => mount(target, { source, flags: MS.MOVE });

/**
 * Gives the calling thread a mount namespace of its own, in which nothing spreads to the one it came from. Other
 * threads of the process stay where they are; processes started by this thread are inside. Throws SyscallError.
 */
export function unshareMounts(): void {
  check(cUnshare(CLONE_NEWNS), 'unshare', 'CLONE_NEWNS');
  mount('/', { flags: MS.REC | MS.PRIVATE });
}

/**
 * A copy of the mount at `path`, itself if it is a symlink, that is mounted nowhere yet: a descriptor (open_tree(2)).
 * Throws SyscallError, ENOSYS before Linux 5.2.
 */
export const openTree = (path: string): number =>
  check(
    Number(cOpenTree(SYS_OPEN_TREE, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW)),
    'open_tree',
    path,
  );

/** Mounts such a copy on top of `target`, itself if it is a symlink (move_mount(2)), and closes its descriptor. */
export function moveTree(tree: number, target: string): void {
  try {
    const moved = cMoveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
    check(Number(moved), 'move_mount', target);
  } finally {
    cClose(tree);
  }
}

/** Mounts what is at `source` on top of `target`, also where they are symlinks: mount(2) follows them. */
export const mountOver = (source: string, target: string): void => moveTree(openTree(source), target);

/** A line of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  /** major:minor of the file system. */
  readonly device: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
}

const unescaped = (text: string): string =>
  Buffer.from(
    text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    'latin1',
  ).toString();

/** Reads the text of a mountinfo file, a line a mount; lines of another form are left out. */
export function parseMountInfo(text: string): readonly MountInfo[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ', 2);
    const [id, parent, device, root, mountPoint] = before.split(' ');
    const [type, source] = after.split(' ');
    if (!id || !parent || !device || !root || !mountPoint || !type || source === undefined) return [];
    return [
      {
        id: Number(id),
        parent: Number(parent),
        device,
        root: unescaped(root),
        mountPoint: unescaped(mountPoint),
        type: unescaped(type),
        source: unescaped(source),
      },
    ];
  });
}

/** The mounts of this process, in the order of mounting: of two at one place the later one is on top. */
export const listMounts = (): readonly MountInfo[] => parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1'));

/** What is mounted at a place (a path without symlinks), topmost; undefined: nothing. */
export const mountAt = (mountPoint: string): MountInfo | undefined =>
  listMounts().findLast((mounted) => mounted.mountPoint === mountPoint);
