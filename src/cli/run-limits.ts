import { grouped, shortTime } from './figures-text.ts';
import type { RunOptions } from './run-options.ts';
import type { Arrived } from './run-receiver.ts';
import { UsageError } from './usage-error.ts';

/** What a run may lose at most, and how long its packets may take. */
export interface RunLimits {
  /** Packets, or a share of those sent. */
  readonly loss?: { readonly packets: number } | { readonly share: number };
  /** Of the 99th percentile, ns. */
  readonly latencyNs?: number;
}

const NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };

/** Reads `--max-loss` and `--max-latency`; UsageError for what makes no sense. */
export function runLimits({ maxLoss, maxLatency }: RunOptions): RunLimits {
  return {
    ...(maxLoss !== undefined && { loss: lossLimit(maxLoss) }),
    ...(maxLatency !== undefined && { latencyNs: latencyLimit(maxLatency) }),
  };
}

function lossLimit(text: string): NonNullable<RunLimits['loss']> {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) <= 100) return { share: Number(percent) / 100 };
  if (/^\d+$/.test(text)) return { packets: Number(text) };
  throw new UsageError(`--max-loss ${JSON.stringify(text)}: wants a number of packets, or a share such as 0.1%`);
}

function latencyLimit(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s)$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * (NS[unit] ?? 1);
  throw new UsageError(`--max-latency ${JSON.stringify(text)}: wants a time with its unit, such as 50us or 2ms`);
}

/** What was exceeded, a line each; nothing where all is within the limits. */
export function exceeded({ loss, latencyNs }: RunLimits, sent: number, { lost, latency }: Arrived): string[] {
  const lines: string[] = [];
  const allowed = loss === undefined ? Number.POSITIVE_INFINITY : 'packets' in loss ? loss.packets : loss.share * sent;
  if (lost > allowed) lines.push(`lost ${grouped(lost)} packets, --max-loss allows ${grouped(Math.floor(allowed))}`);
  if (latencyNs !== undefined && latency === undefined) {
    lines.push('no packet came that says when it was sent, so nobody knows whether --max-latency is kept');
  } else if (latencyNs !== undefined && latency && latency.p99 > latencyNs) {
    lines.push(`p99 latency ${shortTime(latency.p99)}, --max-latency allows ${shortTime(latencyNs)}`);
  }
  return lines;
}
