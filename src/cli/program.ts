import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { VerifierError } from '../linux/bpf-program.ts';
import { NotSupported } from '../linux/errno.ts';
import { FuseUnavailable } from '../linux/fuse-mount.ts';
import { NoNetns } from '../linux/netns.ts';
import { SocketTaken } from '../procfs/control-socket.ts';
import { addCompletionCommand } from './completion-command.ts';
import { addCtlCommand } from './ctl-command.ts';
import { addExecCommand } from './exec-command.ts';
import { addPreviewCommand } from './preview-command.ts';
import { addProbeCommand } from './probe-command.ts';
import { addReflectCommand } from './reflect-command.ts';
import { addRunCommand } from './run-command.ts';
import { addServeCommand } from './serve-command.ts';
import { addSinkCommand } from './sink-command.ts';
import { RunError, UsageError } from './usage-error.ts';

/** The version of package.json, wherever the compiled file lies. */
function version(): string {
  for (const up of ['../../..', '../..']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(`${up}/package.json`, import.meta.url), 'utf8')) as {
        version: string;
      };
      return version;
    } catch {
      // One folder further up.
    }
  }
  return 'unknown';
}

const EXAMPLES = `
Examples:
  pktgen run                                   a private lab: real packets, sent and counted
  pktgen run -i eth1 -m 02:00:00:00:00:02 -d 198.18.0.1 -n 1000000 -s 64
  pktgen run -i eth1 --ratep 100000 --count 0 --udp-src-min 1000 --udp-src-max 2000
  pktgen serve                                 the kernel's control files in /run/pktgen
  pktgen exec -- ./pktgen_sample01_simple.sh -i eth1 -m 02:00:00:00:00:02
  pktgen preview --vlan-id 5 --flag UDPCSUM    the first packets, dissected
  pktgen probe -i eth1                         what this kernel and link can do
  pktgen sink -i eth1                          what arrives: loss, reordering, duplicates, latency
  pktgen reflect -i eth1                       sends it back, for round trips

Exit status: 0 all was sent, 1 it was not or cannot be done here, 2 the command line makes no sense,
3 more was lost or took longer than --max-loss and --max-latency allow.`;

/** The whole command line; `setStatus` takes what a command ends with. */
export function newProgram(setStatus: (status: number) => void): Command {
  const program = new Command('pktgen')
    .description("The Linux kernel's packet generator, in user space.")
    .version(version(), '-V, --version')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(pktgen --help tells more)')
    .enablePositionalOptions()
    .exitOverride();
  addRunCommand(program, setStatus);
  addServeCommand(program, setStatus);
  addExecCommand(program, setStatus);
  addCtlCommand(program, setStatus);
  addPreviewCommand(program);
  addProbeCommand(program);
  addSinkCommand(program);
  addReflectCommand(program);
  addCompletionCommand(program);
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError(`(pktgen ${command.name()} --help tells more)`);
  return program;
}

/** Errors whose message says all: no stack is wanted. */
const EXPLAINED = [RunError, NotSupported, VerifierError, FuseUnavailable, SocketTaken, NoNetns];

/** Runs the command line; resolves with the exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let status = 0;
  const program = newProgram((value) => {
    status = value;
  });
  try {
    if (argv.length === 0) {
      program.outputHelp({ error: true });
      return 2;
    }
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UsageError) {
      process.stderr.write(`pktgen: ${error.message}\n`);
      return 2;
    }
    if (!(error instanceof Error)) throw error;
    const known = 'syscall' in error || EXPLAINED.some((kind) => error instanceof kind);
    process.stderr.write(`pktgen: ${known ? error.message : error.stack}\n`);
    return 1;
  }
}
