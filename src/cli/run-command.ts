import type { Command } from 'commander';
import { openGenerator } from '../daemon.ts';
import { needsUserNamespace, reexecInUserNamespace } from '../lab/user-namespace.ts';
import { allowedCpus } from '../linux/sched.ts';
import { MODULE_PARAMS } from '../pktgen/pktgen.ts';
import { readAssociations, SA_OPTION } from './association-file.ts';
import { comparisonText } from './comparison.ts';
import { cpuList } from './cpu-list.ts';
import { latencyChart } from './latency-chart.ts';
import { addParamOptions, type ParamLine } from './param-options.ts';
import { addReceiverOptions, receiverOptions, receiverText } from './receiver-options.ts';
import { type Destination, labDestination, linkDestination, sendsToLink } from './run-destination.ts';
import { runDevices } from './run-devices.ts';
import { exceeded, runLimits } from './run-limits.ts';
import type { RunOptions } from './run-options.ts';
import { planDevices } from './run-plan.ts';
import { type Arrived, arrivedOf, tagged } from './run-receiver.ts';
import { allSent, arrivedJson, arrivedText, type DeviceResult, resultsText, sentBy, totalOf } from './run-result.ts';
import { addSampleOptions } from './sample-options.ts';
import { sequenceRows } from './sequence-rows.ts';
import { UsageError } from './usage-error.ts';

/** Exit status when more was lost, or took longer, than allowed. */
const EXCEEDED = 3;
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
    .option('--cpus <LIST>', 'CPUs of the threads, 0-3,8; without -t a thread on each')
    .option('--pcap <FILE>', 'write the packets to a pcap file instead of sending them')
    .option('--force', 'send even to the link that carries the default route')
    .option(...SA_OPTION)
    .optionsGroup('Receiving:')
    .option('--sink <DEV>', 'measure what arrives on this link; the link that sends: what a reflector returns')
    .option('--no-sink', 'do not measure at the far end of the lab, which drops the packets then')
    .option('--sink-netns <NAME>', 'network namespace of that link')
    .option('--max-loss <N>', 'exit status 3 when more packets are lost: a number, or a share such as 0.1%')
    .option('--max-latency <TIME>', 'exit status 3 when the 99th percentile of the latency is longer: 50us, 2ms');
  addReceiverOptions(command);
  command
    .optionsGroup('Output:')
    .option('--json', 'one JSON object for each device instead of text, and one with the total of several')
    .option('-v, --verbose', 'show the log of the generator on stderr')
    .option('-x, --debug', 'more of it')
    .addHelpText(
      'after',
      '\nExamples:\n  pktgen run\n  pktgen run -i eth1 -m 02:00:00:00:00:02 -d 198.18.0.1 -n 1000000\n' +
        '  pktgen run -i eth1 -t 2 --ratep 50000 --count 0 --json\n' +
        '  pktgen run -i eth1 --sink eth2 -n 1000000 --max-loss 0 --max-latency 100us\n\n' +
        'Exit status: 0 all was sent, 1 it was not or cannot be done here, 2 the command line makes no sense, 3 more was lost\n' +
        'or took longer than allowed.',
    );
  addSampleOptions(command);
  addParamOptions(command, params);
  command.action(async (options: RunOptions) => setStatus(await run(options, params)));
}

async function run(given: RunOptions, params: readonly ParamLine[]): Promise<number> {
  const cpus = given.cpus === undefined ? allowedCpus() : cpuList('--cpus', given.cpus, allowedCpus());
  const options = given.cpus === undefined ? given : { threads: String(cpus.length), ...given };
  // Looked at before anything is made, so that a mistake costs nothing.
  planDevices({ name: options.interface ?? 'lab', txQueues: 1 }, options, params, [], cpus);
  const associations = options.sa === undefined ? [] : readAssociations(options.sa);
  const limits = runLimits(options);
  receiverOptions(options);
  wantReceiver(options);
  if (params.some(({ line }) => line === 'flag IPSEC')) refuseToMeasure(options);
  if (options.interface === undefined && needsUserNamespace()) return reexecInUserNamespace(process.argv.slice(1));

  await using destination: Destination =
    options.interface === undefined ? await labDestination(options) : linkDestination(options.interface, options);
  const { receiver } = destination;
  const planned = planDevices(destination.link, options, params, destination.defaults, cpus);
  const devices = receiver ? tagged(planned) : planned;
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
    associations: () => associations,
    ...(options.pcap && { pcap: options.pcap }),
  });
  if (!options.json) {
    process.stderr.write(`${destination.what}\n`);
    if (receiver) process.stderr.write(`${receiver.link}: ${receiverText(receiver)}\n`);
  }
  const results = await runDevices(generator.pktgen, devices, options.json === true);
  const arrived =
    receiver &&
    (await arrivedOf(receiver, {
      packets: sentBy(results),
      sealed: generator.pktgen.devices.some((device) => device.job().template.seal !== undefined),
      rows: sequenceRows(
        generator.pktgen.devices.map(({ config }) => config),
        receiver.receiver.by,
      ),
      ...(destination.counted && { counted: destination.counted }),
    }));
  report(options, results, arrived);
  const over = arrived ? exceeded(limits, sentBy(results), arrived) : [];
  for (const line of over) process.stderr.write(`pktgen: ${line}\n`);
  return allSent(results) ? (over.length > 0 ? EXCEEDED : 0) : 1;
}

/** Says what was sent, and what of it arrived. */
function report(options: RunOptions, results: readonly DeviceResult[], arrived: Arrived | undefined): void {
  if (options.json) {
    const also = arrived && { arrived: arrivedJson(arrived) };
    for (const result of results) process.stdout.write(`${JSON.stringify({ ...result, ...also })}\n`);
    if (results.length > 1) process.stdout.write(`${JSON.stringify({ total: totalOf(results), ...also })}\n`);
    return;
  }
  process.stdout.write(resultsText(results));
  if (arrived) process.stdout.write(arrivedText(sentBy(results), arrived));
  if (arrived && process.stderr.isTTY) process.stderr.write(latencyChart(arrived.histogram));
  if (sendsToLink(options) && options.interface === undefined) process.stderr.write(comparisonText() ?? '');
}

/** Options that make no sense where packets are encrypted. */
function refuseToMeasure({ sink, maxLatency }: RunOptions): void {
  const option = typeof sink === 'string' ? '--sink' : maxLatency === undefined ? undefined : '--max-latency';
  if (option)
    throw new UsageError(`${option}: a receiver cannot look into packets of flag IPSEC: leave out one of the two`);
}

/** Options that make sense only where something is received. */
function wantReceiver(options: RunOptions): void {
  const measures = sendsToLink(options) && (options.interface === undefined ? options.sink !== false : options.sink);
  if (measures) return;
  const names = ['sink', 'maxLoss', 'maxLatency', 'by', 'sinkNetns'] as const;
  const asked = names.find((name) => typeof options[name] === 'string');
  const option = asked?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (option)
    throw new UsageError(
      `--${option}: nothing is received: send to a link, and name the one that the packets arrive on, --sink DEV`,
    );
}
