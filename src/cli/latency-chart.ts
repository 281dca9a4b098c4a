import { bucketBounds, HISTOGRAM_BUCKETS } from '../receive/latency-histogram.ts';
import { grouped, shortTime } from './figures-text.ts';

/** Lines of a chart at most, and characters of its longest bar. */
const MOST_LINES = 16;
const BAR = 40;
/** Buckets of an octave; a line of the chart takes so many, or a part of them. */
const OCTAVE = 32;
const WIDTHS = [1, 2, 4, 8, 16, 32, 64, 128] as const;
/** Bars end in an eighth of a character. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** The times of a line, ns, and how many packets took so long. */
interface Line {
  readonly from: number;
  readonly to: number;
  readonly packets: number;
}

/** A histogram of latencies drawn with characters; empty where there is none. */
export function latencyChart(counts: Float64Array): string {
  const lines = linesOf(counts);
  const most = Math.max(...lines.map((line) => line.packets));
  const all = lines.reduce((sum, line) => sum + line.packets, 0);
  if (all === 0) return '';
  const rows = lines.map(({ from, to, packets }) => [
    `${shortTime(from)} to ${shortTime(to)}`,
    bar(packets / most),
    `${((100 * packets) / all).toFixed(packets / all < 0.001 ? 4 : 1)} %`,
    grouped(packets),
  ]);
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const text = rows.map(([times = '', drawn = '', share = '', packets = '']) =>
    [
      times.padStart(widths[0] ?? 0),
      drawn.padEnd(widths[1] ?? 0),
      share.padStart(widths[2] ?? 0),
      packets.padStart(widths[3] ?? 0),
    ].join('  '),
  );
  return `latency, packets:\n${text.join('\n')}\n`;
}

/** From the first bucket that counts to the last, as many together as it takes to be few lines. */
function linesOf(counts: Float64Array): Line[] {
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return [];
  const last = counts.findLastIndex((count) => count > 0);
  const width = WIDTHS.find((one) => Math.floor(last / one) - Math.floor(first / one) < MOST_LINES) ?? 2 * OCTAVE;
  const lines: Line[] = [];
  for (let at = Math.floor(first / width) * width; at <= last; at += width) {
    const buckets = counts.subarray(at, Math.min(at + width, HISTOGRAM_BUCKETS));
    const [from] = bucketBounds(at);
    const [, to] = bucketBounds(at + buckets.length - 1);
    lines.push({ from, to, packets: buckets.reduce((sum, count) => sum + count, 0) });
  }
  return lines;
}

/** A bar as long as its share says; what is there at all can be seen. */
function bar(share: number): string {
  const eighths = share === 0 ? 0 : Math.max(1, Math.round(share * BAR * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
