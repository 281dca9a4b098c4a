import type { Figure, Skipped } from './figure.ts';
import { runPktgen } from './run-pktgen.ts';
import { cannotSend, enterVethPair } from './veth-pair.ts';

const SECONDS = 5;
const RATES = [1_000, 100_000, 1_000_000];

/** How far the rate of a paced run is from what was asked for, over five seconds. */
export async function rateAccuracy(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  const name = (rate: number): string => `rate at ${rate} pps, off by`;
  if (skipped) return RATES.map((rate) => ({ name: name(rate), skipped }));
  using pair = enterVethPair();
  const figures: Figure[] = [];
  for (const rate of RATES) {
    const count = rate * SECONDS;
    const run = await runPktgen(pair.link, [
      `count ${count}`,
      `ratep ${rate}`,
      'pkt_size 60',
      'dst_mac 02:00:00:00:00:02',
    ]);
    // The first two packets of a run leave back to back: count - 2 delays.
    const pps = ((run.packets - 2) * 1e9) / run.elapsedNs;
    const note = `${run.packets} packets in ${(run.elapsedNs / 1e9).toFixed(4)} s, errors ${run.errors}`;
    figures.push({
      name: name(rate),
      value: (100 * Math.abs(pps - rate)) / rate,
      unit: '%',
      goal: { atMost: 0.1 },
      note,
    });
  }
  return figures;
}
