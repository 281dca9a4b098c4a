import { mountFuse } from '../linux/fuse-mount.ts';
import type { FuseSession } from '../linux/fuse-session.ts';
import type { ControlFiles } from '../pktgen/control-files.ts';
import { ControlFileSystem } from './control-file-system.ts';
import { claimMountPoint, SUBTYPE } from './mount-point.ts';

/**
 * Mounts the control files at an existing directory and serves them from this thread until the session is closed or
 * the mount is unmounted (`session.ended`). This process must never touch the mount with a `*Sync` call: it would wait
 * for itself. Throws FuseUnavailable with what to do about it.
 */
export async function serveControlFiles(files: ControlFiles, directory: string): Promise<FuseSession> {
  const mountPoint = await claimMountPoint(directory);
  return mountFuse({ mountPoint, subtype: SUBTYPE, handler: new ControlFileSystem(files) });
}
