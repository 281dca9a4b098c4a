import { openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { SyscallError } from './errno.ts';
import { check, declare } from './libc.ts';
import { moveTree, openTree, UMOUNT, umount } from './mount.ts';
import type { MirrorReport, MirrorSetup } from './mount-mirror.ts';

const cSetns = declare('int setns(int fd, int type)');
const cUnshare = declare('int unshare(int flags)');

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
/** A place has at most so many mounts of killed daemons on top of each other. */
const MOST_STALE = 16;

/** Runs in the other mount namespace: puts a copy of the mount there and takes it away in the end. */
if (!parentPort) throw new TypeError('mount-mirror-worker runs as a worker');
const port = parentPort;
const { pid, mountPoint } = workerData as MirrorSetup;
const report = (what: MirrorReport): void => port.postMessage(what);

/** Takes away what is mounted there; false when nothing is. */
function detach(): boolean {
  try {
    umount(mountPoint, UMOUNT.DETACH);
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

try {
  const tree = openTree(mountPoint);
  const namespace = openSync(`/proc/${pid}/ns/mnt`, 'r');
  // A thread may change its mount namespace only with a working directory of its own.
  check(cUnshare(CLONE_FS), 'unshare', 'CLONE_FS');
  check(cSetns(namespace, CLONE_NEWNS), 'setns', 'mount namespace');
  for (let n = 0; n < MOST_STALE && isDead(); n++) detach();
  moveTree(tree, mountPoint);
  port.once('message', () => {
    detach();
    port.close();
  });
  report({ shown: true });
} catch (error) {
  report({ refused: error instanceof Error ? error.message : String(error) });
  port.close();
}

/** Whether a killed daemon's mount is there: opening it says ENOTCONN. */
function isDead(): boolean {
  try {
    openSync(mountPoint, 'r');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTCONN';
  }
}
