import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { ERRNO, SyscallError } from '../linux/errno.ts';
import { bindMount, MS, mount, mountOver, moveMount, unshareMounts } from '../linux/mount.ts';

/** Directories that the kernel makes and that nobody misses: the first is always empty. */
const PLACES = ['/proc/tty/ldisc', '/proc/driver'];

/** Stands in for the tools that load and unload the module, for scripts that do so unasked. */
const MODULE_TOOLS = ['modprobe', 'insmod', 'rmmod'];
const moduleTool = (directory: string): string => `#!/bin/sh
# pktgen is served in user space here: there is no module to load or unload.
for word in "$@"; do
  case "$word" in pktgen | */pktgen.ko*) exit 0 ;; esac
done
PATH=\${PATH#${directory}:}
exec "\${0##*/}" "$@"
`;

/**
 * Gives the calling thread a mount namespace in which /proc/net/pktgen is the mount `controlFiles`, and everything
 * else in /proc is as before. /proc/net is a symlink, so a symlink to a directory of ours is mounted on top of it:
 * links to all that is in /proc/self/net, and `pktgen`. `toolDirectory` belongs in front of the script's PATH.
 * Throws SyscallError: EPERM without CAP_SYS_ADMIN.
 */
export function overlayProc(controlFiles: string): { readonly toolDirectory: string } {
  unshareMounts();
  const place = PLACES.find((directory) => existsSync(directory));
  if (place === undefined) throw new Error(`/proc lacks ${PLACES.join(' and ')}: is it the real one?`);
  mount(place, { source: 'pktgen', type: 'tmpfs', flags: MS.NOSUID | MS.NODEV, data: 'mode=755' });
  const net = fillNet(`${place}/net`, controlFiles);
  const tools = fillTools(`${place}/tools`);
  symlinkSync(net, `${place}/net-link`);
  try {
    mountOver(`${place}/net-link`, '/proc/net');
    return { toolDirectory: tools };
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.ENOSYS) throw error;
    coverProc(place);
    return { toolDirectory: tools.replace(place, '/proc') };
  }
}

function fillNet(net: string, controlFiles: string): string {
  mkdirSync(`${net}/pktgen`, { recursive: true });
  for (const name of readdirSync('/proc/self/net')) {
    if (name !== 'pktgen') symlinkSync(`/proc/self/net/${name}`, `${net}/${name}`);
  }
  bindMount(controlFiles, `${net}/pktgen`);
  return net;
}

function fillTools(directory: string): string {
  mkdirSync(directory);
  for (const name of MODULE_TOOLS) writeFileSync(`${directory}/${name}`, moduleTool(directory), { mode: 0o755 });
  return directory;
}

/**
 * For kernels before 5.2, which cannot mount on a symlink: `place` itself becomes /proc, with links to the entries of
 * the real one below it. Processes that start later are missing in it by number; /proc/self is right for each.
 */
export function coverProc(place: string): void {
  const real = `${place}/.proc`;
  mkdirSync(real);
  bindMount('/proc', real);
  for (const name of readdirSync(real)) {
    if (name !== 'net') symlinkSync(`/proc/.proc/${name}`, `${place}/${name}`);
  }
  moveMount(place, '/proc');
}
