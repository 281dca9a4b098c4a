import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunResult } from '../src/pktgen/result-text.ts';
import type { Figure, Skipped } from './figure.ts';
import { GapRecorder, LARGE_NS } from './gap-recorder.ts';
import { disturbedShare } from './machine-noise.ts';
import { missing, PEERS, TRAFGEN } from './peers.ts';
import { runPktgen } from './run-pktgen.ts';
import { cannotSend, enterVethPair, type VethPair } from './veth-pair.ts';

const SECONDS = 5;
const RATES = [1_000, 10_000, 100_000, 1_000_000];
const FAST = 5_000_000;
/** The rate whose gaps are looked at. */
const GAPS_AT = 100_000;
const LINES = ['pkt_size 60', 'dst_mac 02:00:00:00:00:02'];

const name = (rate: number): string => `rate at ${rate} pps, off by`;

/** How far the rate of a paced run is from what was asked for, over five seconds; and how even its gaps are. */
export async function rateAccuracy(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  if (skipped) return [...RATES, FAST].map((rate) => ({ name: name(rate), skipped }));
  return [...(await recorded()), ...(await flatOut())];
}

const figure = (rate: number, pps: number, run: RunResult): Figure => ({
  name: name(rate),
  value: (100 * Math.abs(pps - rate)) / rate,
  unit: '%',
  goal: { atMost: 0.05 },
  note: `${run.packets} packets in ${(run.elapsedNs / 1e9).toFixed(4)} s, errors ${run.errors}`,
});

const paced = (link: string, rate: number): Promise<RunResult> =>
  runPktgen(link, [...LINES, `count ${rate * SECONDS}`, `ratep ${rate}`]);

/** By the clock of the far end, which notes each gap. */
async function recorded(): Promise<(Figure | Skipped)[]> {
  using pair = enterVethPair();
  using recorder = new GapRecorder(pair);
  const figures: (Figure | Skipped)[] = [];
  for (const rate of RATES) {
    recorder.take(1e9 / rate);
    const run = await paced(pair.link, rate);
    const gaps = recorder.take(1e9 / rate);
    figures.push(figure(rate, gaps.pps, run));
    if (rate !== GAPS_AT) continue;
    figures.push({
      name: `gaps at ${rate} pps, p99 of their error at the far end`,
      value: gaps.p99,
      unit: 'ns',
      goal: { atMost: 2000 },
      note: `p50 ${gaps.p50} worst ${gaps.worst}; ${gaps.histogram}`,
    });
    const noise = disturbedShare(0, 1e9 / rate);
    figures.push({
      name: `gaps at ${rate} pps off by more than ${LARGE_NS} ns, beyond those that stalls of the machine itself disturb`,
      value: Math.max(0, gaps.large - noise),
      unit: '%',
      goal: { atMost: 1 },
      note: `${gaps.large.toFixed(2)} % of the gaps; stalls of a loop that does nothing disturb ${noise.toFixed(2)} %`,
    });
    figures.push(trafgenGaps(pair, recorder, rate));
  }
  return figures;
}

/** At a rate that leaves a far end no time for notes: by the counters of the run, whose first two packets leave together. */
async function flatOut(): Promise<Figure[]> {
  using pair = enterVethPair({ sink: true });
  const run = await paced(pair.link, FAST);
  return [figure(FAST, ((run.packets - 2) * 1e9) / run.elapsedNs, run)];
}

/** The gaps of trafgen at the same rate, for comparison. */
function trafgenGaps(pair: VethPair, recorder: GapRecorder, rate: number): Figure | Skipped {
  const name = `gaps of trafgen at ${rate} pps, p99 of their error`;
  const [trafgen] = PEERS;
  const why = trafgen && missing(trafgen);
  if (why !== undefined) return { name, skipped: why };
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-bench-'));
  try {
    const config = join(folder, 'packet.cfg');
    writeFileSync(config, TRAFGEN);
    const argv = ['-o', pair.link, '-c', config, '-n', String(rate * SECONDS), '-P', '1', '-b', `${rate}pps`];
    spawnSync('trafgen', argv, { timeout: 60_000 });
    const gaps = recorder.take(1e9 / rate);
    return { name, value: gaps.p99, unit: 'ns', note: `p50 ${gaps.p50} worst ${gaps.worst}; ${gaps.histogram}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
