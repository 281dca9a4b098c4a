import type { Command } from 'commander';
import { ERRNO, SyscallError } from '../linux/errno.ts';
import { RouteSocket } from '../linux/rtnetlink.ts';
import { MOST_SINK_FLOWS } from '../receive/sink-memory.ts';
import { type ReceiverOptions, XdpReceiver } from '../receive/xdp-receiver.ts';
import { flowJson, sinkText } from './sink-report.ts';
import { RunError, UsageError } from './usage-error.ts';

interface SinkOptions {
  readonly interface: string;
  readonly flows: string;
  readonly seconds?: string;
  readonly pass?: boolean;
  readonly json?: boolean;
}

/** From one look at what has come to the next, ms. */
const REFRESH_MS = 1000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `pktgen sink`: measures what arrives. */
export function addSinkCommand(program: Command): void {
  program
    .command('sink')
    .description('measure what arrives on a link, in the kernel: loss, reordering, duplicates, latency')
    .requiredOption('-i, --interface <DEV>', 'link to receive on')
    .option('--seconds <N>', 'end after so many seconds; without it at ^C')
    .option('--flows <N>', `senders that there is room for, each takes 5 kB; at most ${MOST_SINK_FLOWS}`, '1024')
    .option('--pass', 'let the packets go on to the stack; frames of others always do')
    .option('--json', 'one JSON object for each flow, and one for the totals')
    .addHelpText(
      'after',
      '\nA flow is a sender: its address and its outer VLAN. Latency is one-way: from the time in the packet to its arrival,\n' +
        'right as far as the clocks of both hosts agree; on one host they are the same.\n\nExample:\n  pktgen sink -i eth1 --seconds 10',
    )
    .action((options: SinkOptions) => sink(options));
}

async function sink(options: SinkOptions): Promise<void> {
  const flows = wholeNumber('--flows', options.flows, MOST_SINK_FLOWS);
  const seconds = options.seconds === undefined ? undefined : wholeNumber('--seconds', options.seconds, 1e6);
  using routes = new RouteSocket();
  const link = routes.link(options.interface);
  if (!link) throw new RunError(`${options.interface}: there is no such link here ("ip link" lists them)`);
  using receiver = openReceiver(options.interface, { ifindex: link.index, flows, pass: options.pass === true });
  if (!options.json) {
    process.stderr.write(`${options.interface}: an XDP program in the ${receiver.where} measures; ^C ends it\n`);
  }
  await watch(receiver, seconds, !options.json && process.stderr.isTTY);
  if (options.json) {
    for (const flow of receiver.flows()) process.stdout.write(`${JSON.stringify(flowJson(flow))}\n`);
    process.stdout.write(`${JSON.stringify({ totals: receiver.totals() })}\n`);
  } else process.stdout.write(sinkText(receiver.flows(), receiver.totals()));
}

/** What keeps a receiver from its link, for people. */
const REFUSALS: Readonly<Record<number, string>> = {
  [ERRNO.EBUSY]: 'another XDP program is there: "ip link set DEV xdp off" takes it away, if it is not in use',
  [ERRNO.EPERM]: 'wants the capabilities CAP_BPF and CAP_NET_ADMIN, outside of user namespaces: run it with sudo',
};

function openReceiver(name: string, options: ReceiverOptions): XdpReceiver {
  try {
    return new XdpReceiver(options);
  } catch (error) {
    const refusal = error instanceof SyscallError ? REFUSALS[error.errno] : undefined;
    throw refusal === undefined ? error : new RunError(`${name}: ${refusal}`);
  }
}

/** Waits for the end; meanwhile keeps the clock right, and shows how it goes on. */
function watch(receiver: XdpReceiver, seconds: number | undefined, shows: boolean): Promise<void> {
  return new Promise((resolve) => {
    let lines = 0;
    const timer = setInterval(() => {
      receiver.setClock();
      if (!shows) return;
      const text = sinkText(receiver.flows(), receiver.totals());
      process.stderr.write(`${lines > 0 ? `\x1b[${lines}A\x1b[J` : ''}${text}`);
      lines = text.split('\n').length - 1;
    }, REFRESH_MS);
    const end = (): void => {
      clearInterval(timer);
      clearTimeout(last);
      for (const signal of SIGNALS) process.off(signal, end);
      if (lines > 0) process.stderr.write(`\x1b[${lines}A\x1b[J`);
      resolve();
    };
    const last = seconds === undefined ? undefined : setTimeout(end, seconds * 1000);
    for (const signal of SIGNALS) process.on(signal, end);
  });
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new UsageError(`${option} ${JSON.stringify(text)}: wants a whole number from 1 to ${most}`);
}
