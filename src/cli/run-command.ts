import type { Command } from 'commander';
import { openGenerator } from '../daemon.ts';
import { needsUserNamespace, reexecInUserNamespace } from '../lab/user-namespace.ts';
import { allowedCpus } from '../linux/sched.ts';
import { MODULE_PARAMS } from '../pktgen/pktgen.ts';
import { comparisonText } from './comparison.ts';
import { addParamOptions, type ParamLine } from './param-options.ts';
import { type Destination, labDestination, linkDestination, sendsToLink } from './run-destination.ts';
import { runDevices } from './run-devices.ts';
import type { RunOptions } from './run-options.ts';
import { planDevices } from './run-plan.ts';
import { allSent, arrivedText, resultsText } from './run-result.ts';
import { addSampleOptions } from './sample-options.ts';

/** The line of the log that tells which transmitter was chosen. */
const HOW_IT_SENDS = /: transmitter /;

/** `pktgen run`: one run in the foreground, in a private lab where no link is named. */
export function addRunCommand(program: Command, setStatus: (status: number) => void): void {
  const params: ParamLine[] = [];
  const command = program
    .command('run')
    .description('send packets now and show the result; without -i in a private lab made for this run')
    .optionsGroup('Where to:')
    .option('-i, --interface <DEV>', 'link to send to; without it a private lab: two namespaces joined by a veth')
    .option('-t, --threads <N>', 'threads, each with a device of its own (DEV@N)')
    .option('-f, --first <N>', 'CPU of the first thread')
    .option('--pcap <FILE>', 'write the packets to a pcap file instead of sending them')
    .option('--force', 'send even to the link that carries the default route')
    .optionsGroup('Output:')
    .option('--json', 'one JSON object for each device instead of text')
    .option('-v, --verbose', 'show the log of the generator on stderr')
    .option('-x, --debug', 'more of it')
    .addHelpText(
      'after',
      '\nExamples:\n  pktgen run\n  pktgen run -i eth1 -m 02:00:00:00:00:02 -d 198.18.0.1 -n 1000000\n' +
        '  pktgen run -i eth1 -t 2 --ratep 50000 --count 0 --json\n\n' +
        'Exit status: 0 all was sent, 1 it was not or cannot be done here, 2 the command line makes no sense.',
    );
  addSampleOptions(command);
  addParamOptions(command, params);
  command.action(async (options: RunOptions) => setStatus(await run(options, params)));
}

async function run(options: RunOptions, params: readonly ParamLine[]): Promise<number> {
  const cpus = allowedCpus();
  // Looked at before anything is made, so that a mistake costs nothing.
  planDevices(options.interface ?? 'lab', options, params, [], cpus);
  if (options.interface === undefined && needsUserNamespace()) return reexecInUserNamespace(process.argv.slice(1));

  await using destination: Destination =
    options.interface === undefined ? await labDestination(options) : linkDestination(options.interface, options);
  const devices = planDevices(destination.link, options, params, destination.defaults, cpus);
  const log = (line: string): void => {
    const shown =
      options.verbose || options.debug || /ERROR|WARNING/.test(line) || (!options.json && HOW_IT_SENDS.test(line));
    if (shown) process.stderr.write(`${line}\n`);
  };
  const threads = devices.map((device) => device.cpu);
  await using generator = await openGenerator({
    log,
    params: { ...MODULE_PARAMS, debug: options.debug ? 1 : 0 },
    threads,
    ...(options.pcap && { pcap: options.pcap }),
  });
  if (!options.json) process.stderr.write(`${destination.what}\n`);
  const results = await runDevices(generator.pktgen, devices, options.json === true);
  const arrived = sendsToLink(options) ? await destination.arrived?.() : undefined;
  if (options.json) {
    for (const result of results)
      process.stdout.write(`${JSON.stringify(arrived ? { ...result, arrived } : result)}\n`);
  } else {
    process.stdout.write(resultsText(results));
    if (arrived) process.stdout.write(arrivedText(results, arrived));
    if (arrived && options.interface === undefined) process.stderr.write(comparisonText() ?? '');
  }
  return allSent(results) ? 0 : 1;
}
