import { join } from 'node:path';

/** Where run-time files go: /run for root, the user's own folder for others. */
const runFolder = process.getuid?.() === 0 ? '/run' : (process.env.XDG_RUNTIME_DIR ?? '/tmp');

/** Where `serve` mounts the control files. */
export const DEFAULT_MOUNT = join(runFolder, 'pktgen');
/** Where `serve` answers `ctl`. */
export const DEFAULT_SOCKET = join(runFolder, 'pktgen.sock');
