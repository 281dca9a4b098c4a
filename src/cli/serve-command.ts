import { mkdirSync, rmdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { openGenerator } from '../daemon.ts';
import { MountMirror, netnsExecAncestor } from '../linux/mount-mirror.ts';
import { Netns } from '../linux/netns.ts';
import { allowedCpus } from '../linux/sched.ts';
import { ControlSocket } from '../procfs/control-socket.ts';
import { claimMountPoint } from '../procfs/mount-point.ts';
import { serveControlFiles } from '../procfs/serve-control-files.ts';
import { cpuList } from './cpu-list.ts';
import { DEFAULT_MOUNT, DEFAULT_SOCKET } from './default-paths.ts';
import { addModuleOptions, type ModuleOptions, moduleParams } from './module-options.ts';
import { UsageError } from './usage-error.ts';

interface ServeOptions extends ModuleOptions {
  readonly mount: string | false;
  readonly socket: string | false;
  readonly netns?: string;
  readonly cpus?: string;
}

/** `pktgen serve`: the daemon with the control files. */
export function addServeCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('serve')
    .description("serve the kernel's control files until a signal ends it")
    .option('--mount <DIR>', 'where to mount the control files', DEFAULT_MOUNT)
    .option('--no-mount', 'do not mount them; only "pktgen ctl" reaches the daemon')
    .option('--socket <PATH>', 'where to answer "pktgen ctl"', DEFAULT_SOCKET)
    .option('--no-socket', 'do not answer "pktgen ctl"')
    .option('--cpus <LIST>', 'CPUs that get a thread, kpktgend_N, such as 0-3,8; without it all that it may run on')
    .option('--netns <NAME>', 'serve a network namespace: a name of "ip netns", a path or a process id')
    .addHelpText(
      'after',
      '\nExample:\n  pktgen serve &\n  echo "add_device eth1" > /run/pktgen/kpktgend_0\n  echo "count 100000" > /run/pktgen/eth1' +
        '\n  echo start > /run/pktgen/pgctrl\n  cat /run/pktgen/eth1',
    );
  addModuleOptions(command);
  command.action(async (options: ServeOptions) => setStatus(await serve(options)));
}

async function serve(options: ServeOptions): Promise<number> {
  const params = moduleParams(options);
  const cpus = options.cpus === undefined ? undefined : cpuList('--cpus', options.cpus, allowedCpus());
  const socket = socketPath(options);
  if (options.netns !== undefined) {
    using netns = Netns.open(options.netns);
    netns.enter();
  }
  // A signal ends the daemon from the first moment on, in order.
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
  await using generator = await openGenerator({
    params,
    log: (line) => process.stdout.write(`${line}\n`),
    ...(cpus && { cpus }),
  });
  using directory = options.mount === false ? undefined : ownDirectory(options.mount);
  // Before the socket beside it: where a daemon runs already, it is the mount point that was named.
  if (directory) await claimMountPoint(directory.path);
  await using _socket = socket === undefined ? undefined : await ControlSocket.open(socket, generator.pktgen);
  if (!directory) {
    await ended;
    return 0;
  }
  await using session = await serveControlFiles(generator.pktgen, directory.path);
  const outside = options.netns === undefined ? netnsExecAncestor() : undefined;
  await using _mirror =
    outside === undefined ? undefined : await MountMirror.open({ pid: outside, mountPoint: session.mountPoint });
  process.stdout.write(`control files in ${directory.path}\n`);
  await Promise.race([ended, session.ended]);
  return 0;
}

/** A daemon with a mount of its own gets a socket beside it, unless one was named. Throws UsageError for one inside. */
function socketPath({ socket, mount }: ServeOptions): string | undefined {
  if (socket === false) return undefined;
  if (mount === false) return socket;
  const folder = resolve(mount);
  if (socket === DEFAULT_SOCKET && folder !== DEFAULT_MOUNT) return `${folder}.sock`;
  if (resolve(socket).startsWith(`${folder}/`))
    throw new UsageError(`--socket ${socket}: the control files would cover it; give one outside of ${folder}`);
  return socket;
}

/** Makes a directory; false when there is one. What a killed daemon left mounted there is cleared away later. */
function makeDirectory(path: string): boolean {
  try {
    return mkdirSync(path, { recursive: true }) !== undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTCONN') return false;
    throw error;
  }
}

/** The mount point; one that had to be made is removed in the end. */
function ownDirectory(path: string): Disposable & { readonly path: string } {
  const made = makeDirectory(path);
  return {
    path,
    [Symbol.dispose]() {
      if (!made) return;
      try {
        rmdirSync(path);
      } catch {
        // Somebody put something there: it stays.
      }
    },
  };
}
