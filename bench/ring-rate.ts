import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure, Skipped } from './figure.ts';
import { median } from './figure.ts';
import { runPktgen } from './run-pktgen.ts';
import { cannotSend, enterVethPair } from './veth-pair.ts';

const NAME = 'ring against trafgen, packets per second';
const PACKETS = 400_000;
const ROUNDS = 5;

/** The same packet for both: 60 bytes, UDP. */
const LINES = [`count ${PACKETS}`, 'pkt_size 60', 'dst_mac 02:00:00:00:00:02', 'dst 10.9.0.2'];
const TRAFGEN = `{ 0x02,0,0,0,0,0x02, 0x02,0,0,0,0,0x01, const16(0x0800), 0x45, 0, const16(46), drnd(2), 0,0, 32, 17,
  csumip(14,33), 10,9,0,1, 10,9,0,2, const16(9), const16(9), const16(26), const16(0), fill(0,18) }`;

/** Packets per second of a trafgen run, by its own clock; its packets are counted at the far end. */
function trafgen(link: string, config: string, received: () => number): number {
  const before = received();
  const { stdout, stderr } = spawnSync('trafgen', ['-o', link, '-c', config, '-n', String(PACKETS), '-P', '1'], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  const time = /(\d+) sec, (\d+) usec/.exec(stdout + stderr);
  if (!time) throw new Error(`trafgen: ${stderr}`);
  return (received() - before) / (Number(time[1]) + Number(time[2]) / 1e6);
}

/** The AF_PACKET ring against trafgen, which sends through one too: on the same veth, in turns. */
export async function ringRate(): Promise<(Figure | Skipped)[]> {
  const skipped =
    cannotSend() ?? (spawnSync('trafgen', ['--version']).error && 'trafgen is not installed (Debian: netsniff-ng)');
  if (skipped) return [{ name: NAME, skipped }];
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-bench-'));
  try {
    using pair = enterVethPair();
    const config = join(folder, 'packet.cfg');
    writeFileSync(config, TRAFGEN);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push((await runPktgen(pair.link, LINES)).pps);
      theirs.push(trafgen(pair.link, config, pair.received));
    }
    const [a, b] = [median(ours), median(theirs)];
    return [
      {
        name: NAME,
        value: a / b,
        unit: 'ratio',
        goal: { atLeast: 1 },
        note: `${Math.round(a)} against ${Math.round(b)} pps`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
