import { realpath, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FuseUnavailable } from '../linux/fuse-mount.ts';
import { readAttribute } from '../linux/fuse-xattr.ts';
import { listMounts, mountAt, UMOUNT, umount } from '../linux/mount.ts';
import { DAEMON_PID_ATTRIBUTE } from './control-file-system.ts';

/** The FUSE subtype of our mounts, and their source. */
export const SUBTYPE = 'pktgen';

/**
 * Makes a directory ready to be mounted on and gives its path without symlinks: detaches the mount that a killed
 * daemon left there. Throws FuseUnavailable when it is missing, no directory, or served by a living daemon.
 */
export async function claimMountPoint(directory: string): Promise<string> {
  for (;;) {
    const path = await realPathOf(directory);
    const alive = await stat(path).catch(codeOf);
    const mounted = mountAt(path);
    const ours = mounted?.type === `fuse.${SUBTYPE}`;
    if (ours && alive === 'ENOTCONN') {
      umount(path, UMOUNT.DETACH);
      continue;
    }
    if (typeof alive === 'string') throw new FuseUnavailable(problemWith(directory, alive));
    if (!alive.isDirectory()) throw new FuseUnavailable(problemWith(directory, 'ENOTDIR'));
    if (ours) {
      const pid = await readAttribute(path, DAEMON_PID_ATTRIBUTE);
      throw new FuseUnavailable(
        `a pktgen daemon already serves ${directory}, pid ${pid ?? 'unknown'}: use that one, end it, or serve elsewhere`,
      );
    }
    return path;
  }
}

/**
 * Takes away the mounts, and their directories, that killed processes left at paths which begin so. What is served by a
 * living process, and what may not be unmounted, stays.
 */
export async function removeDeadMounts(prefix: string): Promise<void> {
  for (const { mountPoint, type } of listMounts()) {
    if (type !== `fuse.${SUBTYPE}` || !mountPoint.startsWith(prefix)) continue;
    if ((await stat(mountPoint).catch(codeOf)) !== 'ENOTCONN') continue;
    try {
      umount(mountPoint, UMOUNT.DETACH);
      await rmdir(mountPoint);
    } catch {
      // Somebody else's to clear away.
    }
  }
}

/** A dead mount cannot be resolved itself, what is above it can. */
async function realPathOf(directory: string): Promise<string> {
  const path = resolve(directory);
  try {
    return await realpath(path);
  } catch {
    const parent = await realpath(dirname(path)).catch((error: unknown) => {
      throw new FuseUnavailable(problemWith(directory, codeOf(error)), { cause: error });
    });
    return join(parent, basename(path));
  }
}

const PROBLEMS: Readonly<Record<string, (directory: string) => string>> = {
  ENOENT: (directory) => `the mount point ${directory} does not exist: make it with "mkdir -p ${directory}"`,
  ENOTDIR: (directory) => `the mount point ${directory} is no directory`,
  ENOTCONN: (directory) => `${directory} is a dead mount of another program: unmount it with "umount ${directory}"`,
  EACCES: (directory) => `the mount point ${directory} may not be reached: run as root, or serve elsewhere`,
};

const problemWith = (directory: string, code: string): string =>
  PROBLEMS[code]?.(directory) ?? `the mount point ${directory} cannot be used: ${code}`;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
