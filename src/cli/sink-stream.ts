import type { ReceiverTotals } from '../receive/receiver.ts';
import type { FlowView } from './flow-view.ts';

/** What a line is about: a flow since the last line of it, a flow in all, or everything that was no flow's. */
export type LineKind = 'interval' | 'flow' | 'totals';

/** Writes figures for programs, line by line. */
export interface SinkStream {
  /** What comes before the first line. */
  readonly head: string;
  flow(kind: 'interval' | 'flow', seconds: number, view: FlowView): string;
  totals(seconds: number, totals: ReceiverTotals): string;
}

const flat = ({ name, fields, figures, rate }: FlowView): Record<string, unknown> => {
  const { key: _, latency, ...counts } = figures;
  return { flow: name, fields, ...counts, pps: rate.pps, bps: rate.bps, ...(latency && { latency }) };
};

/** One JSON object a line. */
export const jsonStream: SinkStream = {
  head: '',
  flow: (kind, seconds, view) => `${JSON.stringify({ kind, seconds, ...flat(view) })}\n`,
  totals: (seconds, totals) => `${JSON.stringify({ kind: 'totals', seconds, totals })}\n`,
};

const COUNTS = ['packets', 'bytes', 'lost', 'reordered', 'duplicates', 'old', 'restarts'] as const;
const LATENCIES = ['min', 'mean', 'p50', 'p99', 'p999', 'max', 'variation'] as const;
const TOTALS = ['ours', 'foreign', 'truncated', 'fragment', 'overflow', 'busy', 'missed'] as const;
const CSV_HEAD = [
  ...['kind', 'seconds', 'flow', ...COUNTS, 'pps', 'bps'],
  ...LATENCIES.map((name) => `latency_${name}_ns`),
  ...TOTALS,
];

/** Comma-separated values (RFC 4180): the same columns for all kinds of lines; no value has a comma or a quote. */
export const csvStream: SinkStream = {
  head: `${CSV_HEAD.join(',')}\n`,
  flow(kind, seconds, { name, figures, rate }) {
    const latencies = LATENCIES.map((one) => (figures.latency ? Math.round(figures.latency[one]) : ''));
    const cells = [kind, seconds, name, ...COUNTS.map((one) => figures[one]), rate.pps, rate.bps, ...latencies];
    return `${[...cells, ...TOTALS.map(() => '')].join(',')}\n`;
  },
  totals(seconds, totals) {
    const empty = CSV_HEAD.length - 2 - TOTALS.length;
    return `${['totals', seconds, ...Array<string>(empty).fill(''), ...TOTALS.map((one) => totals[one])].join(',')}\n`;
  },
};
