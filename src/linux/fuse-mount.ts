import { closeSync, constants, openSync } from 'node:fs';
import type { FuseHandler } from './fuse-handler.ts';
import { FuseSession } from './fuse-session.ts';
import { MS, mount } from './mount.ts';

/** FUSE cannot be used here; the message says why and what to do. */
export class FuseUnavailable extends Error {
  override readonly name = 'FuseUnavailable';
}

/** What to mount and where. */
export interface FuseMount {
  /** An existing directory, a path without symlinks. */
  readonly mountPoint: string;
  /** The part after `fuse.` of the type that mount(8) shows, and the source it shows. */
  readonly subtype: string;
  readonly handler: FuseHandler;
}

/**
 * Opens /dev/fuse, mounts, and serves the mount until it is closed or unmounted. Needs CAP_SYS_ADMIN in the user
 * namespace that owns the mount namespace. Throws FuseUnavailable, or SyscallError for what it does not know.
 */
export function mountFuse({ mountPoint, subtype, handler }: FuseMount): FuseSession {
  const device = openDevice();
  try {
    const uid = process.geteuid?.() ?? 0;
    const gid = process.getegid?.() ?? 0;
    mount(mountPoint, {
      source: subtype,
      type: `fuse.${subtype}`,
      flags: MS.NOSUID | MS.NODEV | MS.NOEXEC,
      data: `fd=${device},rootmode=40555,user_id=${uid},group_id=${gid},default_permissions,allow_other`,
    });
    return new FuseSession(device, mountPoint, handler);
  } catch (error) {
    closeSync(device);
    throw explained(error, MOUNT_PROBLEMS);
  }
}

/** The errno's name to what it means here and what to do. */
const OPEN_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no /dev/fuse: load the module with "modprobe fuse"; in a container give "--device /dev/fuse"',
  ENODEV: 'the kernel has no FUSE: load the module with "modprobe fuse"',
  ENXIO: 'the kernel has no FUSE: load the module with "modprobe fuse"',
  EACCES: '/dev/fuse may not be opened: run as root, or give this user access to it',
  EPERM: '/dev/fuse may not be opened: in a container give "--device /dev/fuse"',
};
const MOUNT_PROBLEMS: Readonly<Record<string, string>> = {
  EPERM:
    'mounting needs CAP_SYS_ADMIN: run as root, or under "unshare --user --map-root-user --mount"; ' +
    'in a container give "--cap-add SYS_ADMIN" (and "--security-opt apparmor=unconfined" where AppArmor refuses mounts)',
  EACCES: 'mounting is refused: a security module (AppArmor, SELinux) or a read-only mount point forbids it',
  ENODEV: 'the kernel has no FUSE: load the module with "modprobe fuse"',
  ENOENT: 'the mount point does not exist: make it with "mkdir -p"',
  ENOTDIR: 'the mount point is no directory',
};

function explained(error: unknown, problems: Readonly<Record<string, string>>): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const meaning = problems[String(error.code)];
  return meaning === undefined ? error : new FuseUnavailable(`${meaning} (${error.message})`, { cause: error });
}

function openDevice(): number {
  try {
    return openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw explained(error, OPEN_PROBLEMS);
  }
}
