import type { LatencyFigures, PacketFigures } from '../receive/flow-figures.ts';
import type { ReceiverTotals } from '../receive/receiver.ts';
import { columns, grouped, shortTime } from './figures-text.ts';
import type { FlowView } from './flow-view.ts';
import { short } from './progress-line.ts';

const latencyText = ({ p50, p99, p999, max }: LatencyFigures): string =>
  [p50, p99, p999, max].map(shortTime).join(' / ');

const HEAD = [
  'flow',
  'packets',
  'pps',
  'bit/s',
  'lost',
  'reordered',
  'duplicates',
  'latency p50 / p99 / p99.9 / max',
] as const;

const row = (name: string, figures: PacketFigures, pps: number, bps: number): string[] => [
  name,
  grouped(figures.packets),
  grouped(pps),
  short(bps, ''),
  grouped(figures.lost),
  grouped(figures.reordered),
  grouped(figures.duplicates),
  figures.latency ? latencyText(figures.latency) : '-',
];

/** What a table shows besides its flows. */
export interface TableOptions {
  /** Flows that get a line: those with the most packets. */
  readonly most: number;
  /** All flows together; a line of its own where there are several. */
  readonly sum: PacketFigures;
}

/** The flows as a table, a line each, and what was no flow's below. */
export function sinkText(flows: readonly FlowView[], totals: ReceiverTotals, { most, sum }: TableOptions): string {
  const shown = flows.length > most ? [...flows].sort((a, b) => b.packets - a.packets).slice(0, most) : flows;
  const rows = shown.map(({ name, figures, rate }) => row(name, figures, rate.pps, rate.bps));
  const total = (of: (flow: FlowView) => number): number => flows.reduce((all, flow) => all + of(flow), 0);
  const together = row(
    `all ${grouped(flows.length)} flows`,
    sum,
    total(({ rate }) => rate.pps),
    total(({ rate }) => rate.bps),
  );
  const rest = Object.entries(totals).filter(([kind, count]) => kind !== 'ours' && count > 0);
  const others = rest.map(([kind, count]) => `${kind} ${grouped(count)}`).join(', ');
  const lines = [
    columns([HEAD, ...rows, ...(flows.length > 1 ? [together] : [])]),
    flows.length > shown.length && `and ${grouped(flows.length - shown.length)} more flows`,
    others !== '' && `besides: ${others}`,
  ];
  return `${lines.filter((line) => line !== false).join('\n')}\n`;
}
