import { type Command, Option } from 'commander';
import { ERRNO, SyscallError } from '../linux/errno.ts';
import { FLOW_FIELDS, type FlowField, SENDER_FIELDS } from '../receive/flow-key.ts';
import { type OpenedReceiver, openReceiver, RECEIVER_CHOICES, type ReceiverChoice } from '../receive/open-receiver.ts';
import type { ReceiverOptions } from '../receive/receiver.ts';
import { MOST_SINK_FLOWS } from '../receive/sink-memory.ts';
import { wholeNumber } from './run-plan.ts';
import { RunError, UsageError } from './usage-error.ts';

/** Options of every command that receives. */
export interface ReceiverCommandOptions {
  readonly by?: string;
  readonly flowTable?: string;
  /** False: packets are only counted. */
  readonly latency?: boolean;
  readonly receiver?: ReceiverChoice;
}

/** Room for so many flows where nothing else is asked for. */
const FLOWS = 1024;

export function addReceiverOptions(command: Command): void {
  command
    .option('--by <FIELDS>', `what makes a flow, of ${FLOW_FIELDS.join(',')} (default: ${SENDER_FIELDS.join(',')})`)
    .option(
      '--flow-table <N>',
      `flows that there is room for, each takes 5 kB; at most ${MOST_SINK_FLOWS}`,
      String(FLOWS),
    )
    .option('--no-latency', 'count packets, loss and order only, which is faster')
    .addOption(
      new Option('--receiver <HOW>', 'auto: a program in XDP, else a packet socket')
        .choices(RECEIVER_CHOICES)
        .default('auto'),
    );
}

/** Reads them; UsageError for what makes no sense. */
export function receiverOptions(options: ReceiverCommandOptions): Pick<ReceiverOptions, 'by' | 'flows' | 'latency'> & {
  readonly choice: ReceiverChoice;
} {
  return {
    by: options.by === undefined ? SENDER_FIELDS : flowFields(options.by),
    flows: wholeNumber('--flow-table', options.flowTable ?? String(FLOWS), 1, MOST_SINK_FLOWS),
    latency: options.latency !== false,
    choice: options.receiver ?? 'auto',
  };
}

function flowFields(text: string): FlowField[] {
  const names = text.split(',');
  const wrong = names.find((name) => !FLOW_FIELDS.some((field) => field === name));
  if (wrong === undefined) return FLOW_FIELDS.filter((field) => names.includes(field));
  throw new UsageError(
    `--by ${JSON.stringify(text)}: there is no field ${JSON.stringify(wrong)}, but ${FLOW_FIELDS.join(', ')}`,
  );
}

/** What keeps a receiver from its link, for people. */
const REFUSALS: Readonly<Record<number, string>> = {
  [ERRNO.EBUSY]:
    'another XDP program is there: "ip link set DEV xdp off" takes it away, if it is not in use; --receiver packet measures what it passes on',
  [ERRNO.EPERM]: 'wants the capability CAP_NET_RAW, or CAP_BPF and CAP_NET_ADMIN for XDP: run it with sudo',
};

/** The error for what keeps a program or a socket from a link. */
export function refusal(link: string, error: unknown): unknown {
  const text = error instanceof SyscallError ? REFUSALS[error.errno] : undefined;
  return text === undefined ? error : new RunError(`${link}: ${text}`);
}

/** Opens the receiver of a link of this namespace; RunError for what keeps it from there. */
export function openReceiverOn(link: string, options: ReceiverOptions, choice: ReceiverChoice): OpenedReceiver {
  try {
    return openReceiver(options, choice);
  } catch (error) {
    throw refusal(link, error);
  }
}

/** How a receiver measures and why so, for people. */
export const receiverText = ({ receiver, why }: OpenedReceiver): string =>
  `${receiver.how} measures${why === undefined ? '' : `: ${why}`}`;
