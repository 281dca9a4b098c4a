import { setTimeout as sleep } from 'node:timers/promises';
import { Netns } from '../linux/netns.ts';
import { RouteSocket } from '../linux/rtnetlink.ts';
import { figuresOf, keyOf, latencyCounts, type PacketFigures } from '../receive/flow-figures.ts';
import { keyValues } from '../receive/flow-key.ts';
import type { OpenedReceiver } from '../receive/open-receiver.ts';
import { openReceiverOn, receiverOptions } from './receiver-options.ts';
import type { RunOptions } from './run-options.ts';
import type { PlannedDevice } from './run-plan.ts';
import type { SequenceRows } from './sequence-rows.ts';
import { RunError } from './usage-error.ts';

/** What a packet's latency is: to another link of this host, or to a reflector and back to the link it left by. */
export type Trip = 'one-way' | 'round trip';

/** The receiver of a run. */
export interface RunReceiver extends OpenedReceiver, Disposable {
  readonly link: string;
  readonly trip: Trip;
}

/** How often it is told the wall clock, ms. */
const REFRESH_MS = 1000;
/** What a run's receiver is asked to keep. */
const KEEPS = { pass: false, capture: 0 } as const;

/** Opens the receiver on a link of this namespace, by its index. */
export function openRunReceiver(link: string, ifindex: number, options: RunOptions, trip: Trip): RunReceiver {
  const { choice, ...asked } = receiverOptions(options);
  const opened = openReceiverOn(link, { ifindex, ...asked, ...KEEPS }, choice);
  const timer = setInterval(() => opened.receiver.refresh(), REFRESH_MS);
  return {
    ...{ ...opened, link, trip },
    [Symbol.dispose]() {
      clearInterval(timer);
      opened.receiver[Symbol.dispose]();
    },
  };
}

/** Opens the receiver that `--sink` and `--sink-netns` name; the run sends to `sender` of this namespace. */
export function openNamedReceiver(name: string, options: RunOptions, sender: string): RunReceiver {
  const open = (): RunReceiver => {
    using routes = new RouteSocket();
    const link = routes.link(name);
    if (!link) throw new RunError(`--sink ${name}: there is no such link ("ip link" lists them)`);
    const isSame = options.sinkNetns === undefined && name === sender;
    return openRunReceiver(name, link.index, options, isSame ? 'round trip' : 'one-way');
  };
  if (options.sinkNetns === undefined) return open();
  using netns = Netns.open(options.sinkNetns);
  return netns.run(open);
}

/**
 * Gives devices that run side by side flow tags, so that the receiver can tell their sequence numbers apart; those that
 * have tags keep them.
 */
export function tagged(devices: readonly PlannedDevice[]): readonly PlannedDevice[] {
  const isTagged = devices.some(({ lines }) => lines.some((line) => line.startsWith('flow_tag ')));
  if (devices.length < 2 || isTagged) return devices;
  return devices.map((device, i) => {
    const flows = device.lines.findLast((line) => line.startsWith('flows '));
    const each = Math.max(1, Number(flows?.split(' ')[1] ?? 1));
    return { ...device, lines: [`flow_tag ${(1 + i * each) & 0xffff}`, ...device.lines] };
  });
}

/** What came of a run at its receiver. */
export interface Arrived extends Pick<PacketFigures, 'packets' | 'bytes' | 'latency'> {
  /** Sent, and not arrived. */
  readonly lost: number;
  /** Undefined where sequence numbers do not tell: packets are repeated, or several devices count for themselves. */
  readonly reordered?: number;
  readonly duplicates?: number;
  /** Frames that came faster than the receiver could look at them; they may be among the lost. */
  readonly missed: number;
  readonly trip: Trip;
  readonly histogram: Float64Array;
}

const hasTag = (record: BigUint64Array): boolean => keyValues(keyOf(record), ['tag']).tag !== undefined;

/** From one look at what is on its way to the next, ms; after so many without a change there is no more. */
const LOOK_MS = 20;
const STILL = 10;

/** What is known of a run besides what its receiver saw. */
export interface SentPackets {
  readonly packets: number;
  readonly rows: SequenceRows;
  /** They are encrypted: the receiver does not know them, and only the link has counted them. */
  readonly sealed: boolean;
  /** What the link at the far end has counted, where nobody else sends to it. */
  counted?(): { readonly packets: number; readonly bytes: number };
}

/** Waits until what is on its way has arrived, and reads the receiver. */
export async function arrivedOf({ receiver, trip }: RunReceiver, sent: SentPackets): Promise<Arrived> {
  const seen = (): number => {
    if (sent.sealed) return sent.counted?.().packets ?? 0;
    const { ours, overflow, busy } = receiver.totals();
    return ours + overflow + busy;
  };
  for (let still = 0, last = -1; still < STILL && last < sent.packets; still++) {
    await receiver.settle();
    const now = seen();
    if (now !== last) still = 0;
    last = now;
    if (now < sent.packets) await sleep(LOOK_MS);
  }
  const records = receiver.records();
  const { latency, reordered, duplicates, restarts, ...figures } = figuresOf(records);
  const { missed } = receiver.totals();
  // What the receiver did not look at has arrived all the same.
  const { packets, bytes } = (missed > 0 || sent.sealed ? sent.counted?.() : undefined) ?? {
    packets: seen(),
    bytes: figures.bytes,
  };
  // Packets that have no room for a tag have none, whatever was asked for.
  const areApart = sent.rows === 'one' || (sent.rows === 'by tag' && records.every(hasTag));
  const tells = areApart && !sent.sealed && restarts === 0 && missed === 0;
  return {
    packets,
    bytes,
    lost: Math.max(0, sent.packets - packets + (tells ? duplicates : 0)),
    ...(tells && { reordered, duplicates }),
    ...(latency && { latency }),
    missed,
    trip,
    histogram: latencyCounts(records),
  };
}
