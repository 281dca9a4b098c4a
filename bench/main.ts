import { type Figure, print, type Skipped } from './figure.ts';
import { javascriptCost } from './javascript-cost.ts';
import { liveRate } from './live-rate.ts';
import { peerRates } from './peer-rate.ts';
import { rateAccuracy } from './rate-accuracy.ts';
import { startUp } from './start-up.ts';

/** All figures, or those whose name contains one of the words given. Each file is one figure or a few. */
const BENCHES: Readonly<Record<string, () => Promise<readonly (Figure | Skipped)[]>>> = {
  'javascript-cost': javascriptCost,
  'live-rate': liveRate,
  'peer-rate': peerRates,
  'rate-accuracy': rateAccuracy,
  'start-up': startUp,
};

const words = process.argv.slice(2);
for (const [name, measure] of Object.entries(BENCHES)) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  for (const figure of await measure()) print(figure);
}
