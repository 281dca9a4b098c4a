import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { type Figure, rounded, type Skipped } from './figure.ts';
import { ipsecRate } from './ipsec-rate.ts';
import { javascriptCost } from './javascript-cost.ts';
import { liveRate } from './live-rate.ts';
import { peerRates } from './peer-rate.ts';
import { rateAccuracy } from './rate-accuracy.ts';
import { sinkRate } from './sink-rate.ts';
import { startUp } from './start-up.ts';
import { xskRate } from './xsk-rate.ts';

/** All figures, or those whose name contains one of the words given. Each file is one figure or a few. */
const BENCHES: Readonly<Record<string, () => Promise<readonly (Figure | Skipped)[]>>> = {
  'javascript-cost': javascriptCost,
  'live-rate': liveRate,
  'peer-rate': peerRates,
  'rate-accuracy': rateAccuracy,
  'sink-rate': sinkRate,
  'start-up': startUp,
  'xsk-rate': xskRate,
  'ipsec-rate': ipsecRate,
};

/** Keeps what was measured for people who cannot measure: `run` shows some of it. */
const SAVE = '--save';
const words = process.argv.slice(2).filter((word) => word !== SAVE);
const measured: object[] = [];
for (const [name, measure] of Object.entries(BENCHES)) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  for (const figure of await measure()) {
    measured.push(rounded(figure));
    process.stdout.write(`${JSON.stringify(rounded(figure))}\n`);
  }
}
if (process.argv.includes(SAVE)) {
  const where = new URL('../../bench/figures.json', import.meta.url);
  const { model = 'unknown', length: cpus } = { ...os.cpus()[0], length: os.cpus().length };
  // Of the release, the version: what builders add says nothing to others.
  const machine = { kernel: os.release().replace(/-.*/, ''), node: process.version, cpu: model, cpus };
  writeFileSync(
    where,
    `${JSON.stringify({ measured: new Date().toISOString(), machine, figures: measured }, null, 2)}\n`,
  );
}
