import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPcap } from '../src/wire/pcap.ts';
import { type Figure, median } from './figure.ts';

const ROUNDS = 7;
const program = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

/** Milliseconds from the command to its first packet: a run that writes packets with their times to a file. */
export async function startUp(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-bench-'));
  try {
    const file = join(folder, 'first.pcap');
    const times = Array.from({ length: ROUNDS }, () => {
      const begun = Date.now();
      const { status, stderr } = spawnSync(process.execPath, [program, 'run', '--pcap', file, '-n', '1'], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      const [first] = readPcap(readFileSync(file)).records;
      if (!first) throw new Error('no packet was written');
      return first.sec * 1000 + first.nsec / 1e6 - begun;
    });
    return [
      { name: 'start-up, from command to first packet', value: median(times), unit: 'ms', goal: { atMost: 300 } },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
