import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type GeneratorOptions, openGenerator } from '../daemon.ts';
import { removeDeadMounts } from '../procfs/mount-point.ts';
import { runScript, ScriptRefused } from '../procfs/script-namespace.ts';
import { serveControlFiles } from '../procfs/serve-control-files.ts';
import { readAssociations, SA_OPTION } from './association-file.ts';
import { addModuleOptions, type ModuleOptions, moduleParams } from './module-options.ts';
import { RunError } from './usage-error.ts';

interface ExecOptions extends ModuleOptions {
  readonly verbose?: boolean;
  readonly sa?: string;
}

/** `pktgen exec`: an unmodified script sees our control files in /proc/net/pktgen. */
export function addExecCommand(program: Command, setStatus: (status: number) => void): void {
  const command = program
    .command('exec')
    .description('run an unmodified pktgen script: its /proc/net/pktgen is ours, for as long as it runs')
    .argument('<SCRIPT>', 'the script or program')
    .argument('[ARGS...]', 'its arguments; put -- before SCRIPT')
    .option(...SA_OPTION)
    .option('-v, --verbose', 'show the log of the generator on stderr')
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nExample:\n  pktgen exec -- ./pktgen_sample01_simple.sh -i eth1 -m 02:00:00:00:00:02 -n 100000',
    );
  addModuleOptions(command);
  command.action(async (script: string, args: readonly string[], options: ExecOptions) => {
    const log = (line: string): void => {
      if (options.verbose) process.stderr.write(`${line}\n`);
    };
    const associations = options.sa === undefined ? [] : readAssociations(options.sa);
    const generator = { params: moduleParams(options), associations: () => associations, log };
    setStatus(await execScript([script, ...args], generator));
  });
}

/** Runs the script; resolves with its exit status, 128 and more for a signal, as a shell would tell it. */
async function execScript(argv: readonly string[], options: GeneratorOptions): Promise<number> {
  await using generator = await openGenerator(options);
  const place = join(realpathSync(tmpdir()), 'pktgen-exec-');
  await removeDeadMounts(place);
  const directory = mkdtempSync(place);
  try {
    await using _session = await serveControlFiles(generator.pktgen, directory);
    const { status, signal } = await runScript({ controlFiles: directory, argv });
    return status ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    throw error instanceof ScriptRefused ? new RunError(error.message) : error;
  } finally {
    rmdirSync(directory);
  }
}
