import type { Command } from 'commander';
import { errnoName } from '../linux/errno.ts';
import { askDaemon, type ControlReply } from '../procfs/control-socket.ts';
import { DEFAULT_SOCKET } from './default-paths.ts';
import { RunError } from './usage-error.ts';

interface CtlOptions {
  readonly socket: string;
  readonly netns?: string;
}

/** `pktgen ctl`: the lines of a script where no file system can be mounted. */
export function addCtlCommand(program: Command, setStatus: (status: number) => void): void {
  program
    .command('ctl')
    .description('write a line to a control file of a running daemon, or show the file; works without FUSE')
    .argument('[FILE]', 'pgctrl, kpktgend_N or a device; without it the files are listed')
    .argument('[COMMAND...]', 'the line to write; without it the file is shown')
    .option('--socket <PATH>', 'where the daemon answers', DEFAULT_SOCKET)
    .option('--netns <NAME>', 'network namespace, where the daemon serves several')
    .addHelpText(
      'after',
      '\nExamples:\n  pktgen ctl kpktgend_0 "add_device eth1"\n  pktgen ctl eth1 "count 100000"\n  pktgen ctl pgctrl start\n  pktgen ctl eth1',
    )
    .action(async (file: string | undefined, command: readonly string[], options: CtlOptions) => {
      setStatus(await control(options, file, command.join(' ')));
    });
}

async function control({ socket, netns }: CtlOptions, file: string | undefined, command: string): Promise<number> {
  const of = netns === undefined ? {} : { netns };
  const interrupted = new AbortController();
  const onSignal = (): void => interrupted.abort();
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    if (file === undefined) return show(await ask(socket, { list: true, ...of }, interrupted.signal), '');
    if (command === '') return show(await ask(socket, { read: file, ...of }, interrupted.signal), file);
    const reply = await ask(socket, { write: file, data: `${command}\n`, ...of }, interrupted.signal);
    const returned = 'returned' in reply ? reply.returned : -22;
    if (returned >= 0) return 0;
    const after = await ask(socket, { read: file, ...of });
    const result = 'text' in after ? /^Result: (.*)$/ms.exec(after.text ?? '')?.[1]?.trimEnd() : undefined;
    process.stderr.write(
      `pktgen: ${file} ${JSON.stringify(command)}: ${errnoName(-returned)}${result ? ` (${result})` : ''}\n`,
    );
    return 1;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function show(reply: ControlReply, file: string): number {
  if ('files' in reply) process.stdout.write(`${reply.files.join('\n')}\n`);
  else if ('text' in reply && reply.text !== null) process.stdout.write(Buffer.from(reply.text, 'latin1'));
  else {
    process.stderr.write(`pktgen: ${file}: no such control file; "pktgen ctl" lists them\n`);
    return 1;
  }
  return 0;
}

async function ask(
  socket: string,
  request: Parameters<typeof askDaemon>[1],
  signal?: AbortSignal,
): Promise<ControlReply> {
  try {
    const reply = await askDaemon(socket, request, signal);
    if ('refused' in reply) throw new RunError(reply.refused);
    return reply;
  } catch (error) {
    if (error instanceof RunError) throw error;
    if (signal?.aborted) throw new RunError('interrupted: the daemon was told to end the run');
    if (error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))
      throw new RunError(
        `${socket} may not be opened (${error.code}): only the user who started the daemon may control it`,
      );
    const reason = error instanceof Error ? error.message : String(error);
    throw new RunError(`no daemon answers at ${socket} (${reason}): start one with "pktgen serve"`);
  }
}
