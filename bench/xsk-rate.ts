import { spawnSync } from 'node:child_process';
import { type Figure, median, type Skipped } from './figure.ts';
import { runDevices } from './run-pktgen.ts';
import { cannotSend, enterVethPair } from './veth-pair.ts';

/** So many that what a run begins with does not weigh. */
const PACKETS = 4_000_000;
const ROUNDS = 3;
/** Who sends; testpmd's own thread has the first core. */
const CORE = 1;
const LINES = [`count ${PACKETS}`, 'pkt_size 60', 'dst_mac 02:00:00:00:00:02'];
/** How long testpmd sends, and what of it is left out: it begins before its stream is up to speed. */
const [TESTPMD_SECONDS, WARM_UP] = [6, 2];

/** AF_XDP in copy mode against the ring, and against testpmd through the same kind of socket: on the same veth, in turns. */
export async function xskRate(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  if (skipped) return [{ name: 'xsk', skipped }];
  using pair = enterVethPair({ sink: true });
  const noTestpmd = missingTestpmd();
  const [xsk, ring, testpmd]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    xsk.push(await rate(pair.link, 'xsk'));
    ring.push(await rate(pair.link, 'ring'));
    if (noTestpmd === undefined) testpmd.push(testpmdRate(pair.link));
  }
  const ours = median(xsk);
  const against = (name: string, rates: readonly number[], atLeast: number): Figure => ({
    name: `xsk in copy mode against ${name}`,
    value: ours / median(rates),
    unit: 'ratio',
    goal: { atLeast },
    note: `${(ours / 1e6).toFixed(2)} against ${(median(rates) / 1e6).toFixed(2)} Mpps`,
  });
  return [
    against('the ring', ring, 1.2),
    noTestpmd === undefined
      ? against('testpmd with net_af_xdp', testpmd, 1)
      : { name: 'xsk in copy mode against testpmd with net_af_xdp', skipped: noTestpmd },
  ];
}

/** Packets per second on the core that testpmd sends on. */
async function rate(link: string, transmitter: string): Promise<number> {
  const [result] = await runDevices([{ name: link, thread: CORE, lines: [...LINES, `transmitter ${transmitter}`] }]);
  return result?.pps ?? Number.NaN;
}

const missingTestpmd = (): string | undefined =>
  spawnSync('dpdk-testpmd', ['-h']).error && 'dpdk-testpmd is not installed (Debian: dpdk-dev and librte-net-af-xdp23)';

/** What testpmd says that it sends in a second, frames of 60 bytes on one core. It is told to end after some. */
function testpmdRate(link: string): number {
  const eal = [
    '-l',
    `0,${CORE}`,
    '--no-huge',
    '-m',
    '512',
    '--no-pci',
    '--no-telemetry',
    '--file-prefix',
    'pktgenbench',
  ];
  const device = ['--vdev', `net_af_xdp0,iface=${link},start_queue=0,queue_count=1,force_copy=1`];
  const mode = [
    '--forward-mode=txonly',
    '--txpkts=60',
    '--total-num-mbufs=8192',
    '--auto-start',
    '--stats-period',
    '1',
  ];
  const argv = [...eal, ...device, '--', ...mode, '--eth-peer=0,02:00:00:00:00:02', '--no-lsc-interrupt'];
  const seconds = String(TESTPMD_SECONDS);
  const { stdout, stderr } = spawnSync('timeout', ['-s', 'INT', seconds, 'dpdk-testpmd', ...argv], {
    encoding: 'utf8',
  });
  const rates = [...stdout.matchAll(/Tx-pps: +(\d+)/g)].map((match) => Number(match[1])).slice(WARM_UP);
  if (rates.length === 0) throw new Error(`testpmd: ${stdout}${stderr}`);
  return median(rates);
}
