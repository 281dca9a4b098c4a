import { closeSync, openSync, writeSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { RouteSocket } from '../linux/rtnetlink.ts';
import { figuresOf, latencyCounts } from '../receive/flow-figures.ts';
import type { Receiver } from '../receive/receiver.ts';
import { shareNumbers } from '../receive/shared-numbers.ts';
import { CAPTURE_SNAPLEN, MOST_CAPTURED } from '../receive/sink-memory.ts';
import { PCAP_RECORD_HEADER_LEN, pcapFileHeader, pcapRecordHeader } from '../wire/pcap.ts';
import { grouped } from './figures-text.ts';
import { FlowWatch } from './flow-view.ts';
import { latencyChart } from './latency-chart.ts';
import {
  addReceiverOptions,
  openReceiverOn,
  type ReceiverCommandOptions,
  receiverOptions,
  receiverText,
} from './receiver-options.ts';
import { wholeNumber } from './run-plan.ts';
import { sinkText } from './sink-report.ts';
import { csvStream, jsonStream, type SinkStream } from './sink-stream.ts';
import { untilEnd } from './until-end.ts';
import { RunError } from './usage-error.ts';

interface SinkOptions extends ReceiverCommandOptions {
  readonly interface: string;
  readonly seconds?: string;
  readonly pass?: boolean;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly pcap?: string;
  readonly pcapLimit: string;
}

/** Flows that a table on a terminal shows while it is kept up to date, and at the end. */
const LIVE_FLOWS = 20;
const MOST_SHOWN = 1000;

/** What is to be known of flows that have one row of sequence numbers. */
const SHARED =
  'these flows seem to share the sequence numbers of one sender, so "lost" counts the packets of the other flows: ' +
  'have it number its flows (flow_tag), or measure the sender (--by mac)\n';

/** `pktgen sink`: measures what arrives. */
export function addSinkCommand(program: Command): void {
  const command = program
    .command('sink')
    .description('measure what arrives on a link, in the kernel: loss, reordering, duplicates, latency')
    .requiredOption('-i, --interface <DEV>', 'link to receive on')
    .option('--seconds <N>', 'end after so many seconds; without it at ^C')
    .option('--pass', 'let the packets go on to the stack; frames of others always do');
  addReceiverOptions(command);
  command
    .option('--json', 'a JSON object for each flow every second, and at the end for each flow and for the totals')
    .addOption(new Option('--csv', 'the same as comma-separated values').conflicts('json'))
    .option('--pcap <FILE>', 'write the first packets that came to a pcap file, at the end')
    .option('--pcap-limit <N>', `how many of them, at most ${MOST_CAPTURED}; each takes 2 kB`, '10000')
    .addHelpText(
      'after',
      '\nA flow is a sender: its address, its outer VLAN, and its flow tag (flow_tag). Where flows are made of other fields\n' +
        '(--by), the packets of each must have sequence numbers of their own, or those of the others count as lost.\n\n' +
        'Latency is one-way: from the time in the packet to its arrival, right as far as the clocks of both hosts agree; on one\n' +
        'host they are the same. Between hosts "pktgen reflect" at the far end and "pktgen run --sink" measure round trips.\n\n' +
        'Examples:\n  pktgen sink -i eth1 --seconds 10\n  pktgen sink -i eth1 --by src,dst --flow-table 65536 --csv',
    )
    .action((options: SinkOptions) => sink(options));
}

async function sink(options: SinkOptions): Promise<void> {
  const { choice, ...asked } = receiverOptions(options);
  const seconds = options.seconds === undefined ? undefined : wholeNumber('--seconds', options.seconds, 1, 1e6);
  const limit = wholeNumber('--pcap-limit', options.pcapLimit, 1, MOST_CAPTURED);
  const capture = options.pcap === undefined ? 0 : limit;
  using routes = new RouteSocket();
  const link = routes.link(options.interface);
  if (!link) throw new RunError(`${options.interface}: there is no such link here ("ip link" lists them)`);
  using file = options.pcap === undefined ? undefined : createFile(options.pcap);
  const pass = options.pass === true;
  const opened = openReceiverOn(options.interface, { ifindex: link.index, ...asked, pass, capture }, choice);
  using receiver = opened.receiver;
  const stream = options.json ? jsonStream : options.csv ? csvStream : undefined;
  if (!stream) {
    const goesOn = receiver.passes && !pass ? '; packets go on to the stack' : '';
    process.stderr.write(`${options.interface}: ${receiverText(opened)}${goesOn}; ^C ends it\n`);
  }
  await watch(receiver, seconds, stream);
  if (file) writePcap(file.fd, receiver);
}

/** Waits for the end, shows how it goes on, and then what came of it. */
async function watch(receiver: Receiver, seconds: number | undefined, stream: SinkStream | undefined): Promise<void> {
  const flows = new FlowWatch(receiver);
  const begun = performance.now();
  const elapsed = (): number => Math.round(performance.now() - begun) / 1000;
  using screen = new Screen(stream === undefined && process.stderr.isTTY);
  if (stream) process.stdout.write(stream.head);
  await untilEnd(seconds, () => {
    receiver.refresh();
    if (stream) {
      const active = flows.look().filter(({ rate }) => rate.packets > 0);
      process.stdout.write(active.map((view) => stream.flow('interval', elapsed(), view)).join(''));
    }
    if (screen.shows) screen.show(tableOf(receiver, flows.look(), LIVE_FLOWS));
  });
  await receiver.settle();
  screen.clear();
  if (stream) {
    process.stdout.write(
      flows
        .all()
        .map((view) => stream.flow('flow', elapsed(), view))
        .join(''),
    );
    process.stdout.write(stream.totals(elapsed(), receiver.totals()));
  } else {
    process.stdout.write(tableOf(receiver, flows.all(), MOST_SHOWN));
    const records = receiver.records();
    process.stdout.write(latencyChart(latencyCounts(records)));
    if (shareNumbers(records)) process.stderr.write(SHARED);
  }
}

const tableOf = (receiver: Receiver, flows: ReturnType<FlowWatch['look']>, most: number): string =>
  sinkText(flows, receiver.totals(), { most, sum: figuresOf(receiver.records()) });

/** Lines on a terminal that are written anew. */
class Screen implements Disposable {
  readonly shows: boolean;
  #lines = 0;

  constructor(shows: boolean) {
    this.shows = shows;
  }
  show(text: string): void {
    this.clear();
    process.stderr.write(text);
    this.#lines = text.split('\n').length - 1;
  }
  clear(): void {
    if (this.#lines > 0) process.stderr.write(`\x1b[${this.#lines}A\x1b[J`);
    this.#lines = 0;
  }
  [Symbol.dispose](): void {
    this.clear();
  }
}

/** A file that is made before anything is measured, so that a mistake shows at once. */
function createFile(path: string): Disposable & { readonly fd: number } {
  try {
    const fd = openSync(path, 'w');
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    throw new RunError(`--pcap ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

function writePcap(fd: number, receiver: Receiver): void {
  writeSync(fd, pcapFileHeader());
  const header = new Uint8Array(PCAP_RECORD_HEADER_LEN);
  const view = new DataView(header.buffer);
  let cut = 0;
  const packets = receiver.captured();
  for (const { at, length, bytes } of packets) {
    pcapRecordHeader(view, 0, Number(at / 1_000_000_000n), Number(at % 1_000_000_000n), bytes.length, length);
    writeSync(fd, header);
    writeSync(fd, bytes);
    if (bytes.length < length) cut++;
  }
  const note = cut > 0 ? `, ${grouped(cut)} of them cut off after ${CAPTURE_SNAPLEN} bytes` : '';
  process.stderr.write(`${grouped(packets.length)} packets in the capture file${note}\n`);
}
