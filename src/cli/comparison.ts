import { readFileSync } from 'node:fs';

/** What `npm run bench -- --save` keeps (bench/figures.json), as far as it is shown. */
interface Measured {
  readonly measured: string;
  readonly machine: { readonly kernel: string };
  readonly figures: readonly { readonly name: string; readonly pps?: Readonly<Record<string, number>> }[];
}

const FIGURES = new URL('../../../bench/figures.json', import.meta.url);

/**
 * One line: what this and other tools reached side by side on one machine, as measured; undefined where there are no
 * figures.
 */
export function comparisonText(read: () => string = () => readFileSync(FIGURES, 'utf8')): string | undefined {
  let measured: Measured;
  try {
    measured = JSON.parse(read()) as Measured;
  } catch {
    return undefined;
  }
  const rates = measured.figures.find(({ pps }) => pps !== undefined)?.pps;
  if (!rates) return undefined;
  const all = Object.entries(rates).map(([name, pps]) => `${name} ${(pps / 1e6).toFixed(2)}`);
  return `For comparison, Mpps side by side on one core of Linux ${measured.machine.kernel} (${measured.measured.slice(0, 10)}, npm run bench): ${all.join(', ')}.\n`;
}
