import { HAS_VLAN } from '../receive/find-header.ts';
import type { FlowFigures, LatencyFigures } from '../receive/flow-figures.ts';
import type { ReceiverTotals } from '../receive/xdp-receiver.ts';
import { formatMac } from '../wire/mac.ts';
import { grouped } from './progress-line.ts';

/** A flow's name: the address of its sender, and its outer VLAN. */
export function flowName(key: bigint): string {
  const mac = Uint8Array.from({ length: 6 }, (_, i) => Number((key >> BigInt(8 * i)) & 0xffn));
  const vlan = Number(key >> 48n);
  return `${formatMac(mac)}${vlan & HAS_VLAN ? ` VLAN ${vlan & 0xfff}` : ''}`;
}

/** A time for people, three digits. */
export function shortTime(ns: number): string {
  const [unit, per] = ns < 1000 ? ['ns', 1] : ns < 1e6 ? ['µs', 1e3] : ns < 1e9 ? ['ms', 1e6] : ['s', 1e9];
  return `${Number((ns / (per as number)).toPrecision(3))} ${unit}`;
}

const latencyText = ({ p50, p99, p999, max }: LatencyFigures): string =>
  [p50, p99, p999, max].map(shortTime).join(' / ');

/** The flows as a table, a line each, and what was no flow's below. */
export function sinkText(flows: readonly FlowFigures[], totals: ReceiverTotals): string {
  const head = ['flow', 'packets', 'pps', 'lost', 'reordered', 'duplicates', 'latency p50 / p99 / p99.9 / max'];
  const rows = flows.map((flow) => [
    flowName(flow.key),
    grouped(flow.packets),
    grouped(rate(flow)),
    grouped(flow.lost),
    grouped(flow.reordered),
    grouped(flow.duplicates),
    flow.latency ? latencyText(flow.latency) : '-',
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  const rest = Object.entries(totals).filter(([kind, count]) => kind !== 'ours' && count > 0);
  const others = rest.map(([kind, count]) => `${kind} ${grouped(count)}`).join(', ');
  return `${[head, ...rows].map(line).join('\n')}\n${others === '' ? '' : `besides: ${others}\n`}`;
}

/** Packets per second from a flow's first packet to its last. */
export const rate = ({ packets, durationNs }: FlowFigures): number =>
  durationNs === 0 ? 0 : Math.round(((packets - 1) * 1e9) / durationNs);

/** A flow as plain data. */
export const flowJson = (flow: FlowFigures): object => ({
  ...flow,
  key: undefined,
  flow: flowName(flow.key),
  pps: rate(flow),
});
