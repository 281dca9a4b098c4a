import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { monotonicNs } from '../linux/clock.ts';
import { MountMirror, netnsExecAncestor } from '../linux/mount-mirror.ts';
import { allowedCpus } from '../linux/sched.ts';
import { notifySystemd } from '../linux/sd-notify.ts';
import { ControlSocket } from '../procfs/control-socket.ts';
import { readAssociations, SA_OPTION } from './association-file.ts';
import { cpuList } from './cpu-list.ts';
import { DEFAULT_MOUNT, DEFAULT_SOCKET } from './default-paths.ts';
import { addModuleOptions, type ModuleOptions, moduleParams } from './module-options.ts';
import { Reloader } from './reloader.ts';
import { ServedNamespaces } from './served-namespaces.ts';
import { LOG_FORMATS, type LogFormat, ServiceLog } from './service-log.ts';
import { untilServiceEnds } from './service-signals.ts';
import { UsageError } from './usage-error.ts';
import { netnsChoice } from './wanted-netns.ts';

interface ServeOptions extends ModuleOptions {
  readonly mount: string | false;
  readonly socket: string | false;
  readonly netns?: readonly string[];
  readonly log: LogFormat;
  readonly cpus?: string;
  readonly sa?: string;
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
    .option(
      '--netns <NAME>',
      'serve a network namespace: a name of "ip netns", a path or a process id; given again, or "all": each in DIR/NAME',
      (name: string, before: readonly string[] | undefined) => [...(before ?? []), name],
    )
    .addOption(
      new Option('--log <FORMAT>', 'lines of text, or a JSON object a line').choices(LOG_FORMATS).default('text'),
    )
    .option(...SA_OPTION)
    .addHelpText(
      'after',
      '\nExample:\n  pktgen serve &\n  echo "add_device eth1" > /run/pktgen/kpktgend_0\n  echo "count 100000" > /run/pktgen/eth1' +
        '\n  echo start > /run/pktgen/pgctrl\n  cat /run/pktgen/eth1\n\n' +
        'SIGHUP: looks again which namespaces there are, and reads the file of --sa again; runs go on.',
    );
  addModuleOptions(command);
  command.action(async (options: ServeOptions) => setStatus(await serve(options)));
}

async function serve(options: ServeOptions): Promise<number> {
  const params = moduleParams(options);
  const cpus = options.cpus === undefined ? undefined : cpuList('--cpus', options.cpus, allowedCpus());
  const choice = options.netns ? netnsChoice(options.netns) : undefined;
  const socket = socketPath(options);
  let associations = options.sa === undefined ? [] : readAssociations(options.sa);
  const log = new ServiceLog(options.log);
  const notify = (...lines: readonly string[]): void => {
    try {
      notifySystemd(lines);
    } catch (error) {
      log.say(`WARNING: systemd cannot be told: ${messageOf(error)}`);
    }
  };
  const reloader = new Reloader({
    onBegin: () => notify('RELOADING=1', `MONOTONIC_USEC=${Math.floor(monotonicNs() / 1000)}`),
    onEnd() {
      log.say('reloaded');
      notify('READY=1');
    },
    onFailed: (error) => log.say(`ERROR: reload: ${messageOf(error)}`),
  });
  // A signal ends the daemon from the first moment on, in order.
  const ended = untilServiceEnds(() => void reloader.reload());
  // Each namespace listens for the end of the process.
  if (choice?.several) process.setMaxListeners(0);
  await using namespaces = await ServedNamespaces.open({
    ...{ choice, mount: options.mount, log },
    generator: { params, ...(cpus && { cpus }), associations: () => associations },
  });
  await using _socket =
    socket === undefined ? undefined : await ControlSocket.open(socket, (netns) => namespaces.filesOf(netns));
  await using _mirror = choice ? undefined : await mirrorOf(namespaces);
  for (const [mountPoint, netns] of namespaces.mounted) log.say(`control files in ${mountPoint}`, netns);
  reloader.add(() => namespaces.reload());
  const { sa } = options;
  if (sa !== undefined) {
    reloader.add(() => {
      associations = readAssociations(sa);
    });
  }
  notify('READY=1');
  await Promise.race([ended, namespaces.unmounted]);
  notify('STOPPING=1');
  return 0;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Inside "ip netns exec", what is mounted is shown outside of it too. */
async function mirrorOf({ mounted }: ServedNamespaces): Promise<MountMirror | undefined> {
  const outside = netnsExecAncestor();
  const [mountPoint] = mounted[0] ?? [];
  if (outside === undefined || mountPoint === undefined) return undefined;
  return MountMirror.open({ pid: outside, mountPoint });
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
