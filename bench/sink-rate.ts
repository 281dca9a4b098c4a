import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { LAB } from '../src/lab/lab.ts';
import { EthtoolSocket } from '../src/linux/ethtool.ts';
import { RouteSocket } from '../src/linux/rtnetlink.ts';
import { figuresOf } from '../src/receive/flow-figures.ts';
import { SENDER_FIELDS } from '../src/receive/flow-key.ts';
import { XdpReceiver } from '../src/receive/xdp-receiver.ts';
import { type Figure, median, type Skipped } from './figure.ts';
import { runPktgen } from './run-pktgen.ts';
import { cannotSend, enterVethPair, type VethPair } from './veth-pair.ts';

const PACKETS = 2_000_000;
const ROUNDS = 5;
const TO = ['pkt_size 60', 'dst_mac 02:00:00:00:00:02'];
const LINES = [`count ${PACKETS}`, ...TO];

/** Packets per second of a run, and how many of them the receiver did not see. */
async function measured(latency: boolean): Promise<{ pps: number; lost: number }> {
  using pair = enterVethPair();
  const options = { flows: 16, by: SENDER_FIELDS, pass: false, capture: 0, latency } as const;
  using receiver = pair.onFarSide((ifindex) => new XdpReceiver({ ifindex, ...options }));
  const { pps } = await runPktgen(pair.link, LINES);
  const { packets, lost } = figuresOf(receiver.records());
  return { pps, lost: PACKETS - packets + lost };
}

/** A far end that measures, one that only counts, and one that only drops: on veths of their own, in turns. */
export async function sinkRate(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  if (skipped) return [{ name: 'receiver', skipped }];
  const [measuring, counting, dropping]: [number[], number[], number[]] = [[], [], []];
  let lost = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [rates, latency] of [
      [measuring, true],
      [counting, false],
    ] as const) {
      const run = await measured(latency);
      rates.push(run.pps);
      lost += run.lost;
    }
    using pair = enterVethPair({ sink: true });
    dropping.push((await runPktgen(pair.link, LINES)).pps);
  }
  const [all, counts, drops] = [measuring, counting, dropping].map(median) as [number, number, number];
  const mpps = (...rates: readonly number[]): string =>
    `${rates.map((pps) => (pps / 1e6).toFixed(2)).join(' against ')} Mpps`;
  return [
    {
      name: 'a far end that measures loss and latency, against one that only drops',
      value: all / drops,
      unit: 'ratio',
      goal: { atLeast: 0.5 },
      note: mpps(all, drops),
    },
    { name: 'packets received with all measurements', value: all / 1e6, unit: 'Mpps', goal: { atLeast: 5 } },
    {
      name: 'a far end that measures loss and latency, against one that only counts',
      value: all / counts,
      unit: 'ratio',
      goal: { atLeast: 0.75 },
      note: mpps(all, counts),
    },
    { name: 'packets that the receiver did not see', value: lost, unit: 'packets', goal: { atMost: 0 } },
    await packetSocketRate(),
  ];
}

/** How long a packet socket is flooded, and what is waited for it to begin. */
const FLOOD_MS = 3000;
const BEGIN_MS = 1000;

/** What a process on the far side took while the near side flooded it. */
interface Taken {
  readonly packets: number;
  /** What it took of a CPU for each packet, ns. */
  readonly cpuNs: number;
}

/** Starts a process on the far side, floods it, ends it with ^C, and reads how many packets it has taken. */
async function flooded(argv: readonly string[], packetsOf: (output: string) => number): Promise<Taken> {
  using pair = enterVethPair();
  // A host as there are many: it has the address that packets are for. With GRO the near end takes live frames, without a
  // program in XDP: where one could be loaded, nobody needs a packet socket.
  pair.onFarSide((ifindex) => {
    using routes = new RouteSocket();
    using ethtool = new EthtoolSocket();
    routes.addAddress(ifindex, Uint8Array.from(LAB.far.ipv4), 24);
    if (!ethtool.turnOnGro(routes.link(ifindex)?.name ?? '')) throw new Error('GRO cannot be turned on');
  });
  const [command = '', ...args] = argv;
  // `time -p` would do, but a shell knows the times of its children as well.
  const script = '"$0" "$@" & child=$!; trap "kill -INT $child" TERM; wait $child; wait $child; times';
  const child = pair.onFarSide(() =>
    spawn('bash', ['-c', script, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += String(chunk);
    });
  const ended = new Promise((resolve) => child.on('close', resolve));
  await sleep(BEGIN_MS);
  await flood(pair);
  await sleep(BEGIN_MS);
  child.kill('SIGTERM');
  await ended;
  const packets = packetsOf(output);
  const minutes = [...(output.trimEnd().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  const seconds = minutes.reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0);
  return { packets, cpuNs: (seconds * 1e9) / packets };
}

/** Sends as fast as it goes for some seconds. */
const flood = (pair: VethPair): Promise<unknown> =>
  runPktgen(pair.link, ['count 0', ...TO, `dst ${LAB.far.ipv4.join('.')}`, 'transmitter live'], {
    stopAfterMs: FLOOD_MS,
  });

/**
 * A packet socket of ours that analyses, against tcpdump that writes to nowhere: both with the same room. As long as both take
 * all that the kernel hands to packet sockets, they are equal; what each could take more, the CPU time shows.
 */
async function packetSocketRate(): Promise<Figure | Skipped> {
  const name = 'packets that a packet socket takes, analysed, against tcpdump to /dev/null';
  const pktgen = new URL('../../bin/pktgen.js', import.meta.url).pathname;
  const ours = [process.execPath, pktgen, 'sink', '-i', 'pg0p', '--receiver', 'packet', '--json'];
  const tcpdump = ['tcpdump', '-i', 'pg0p', '-n', '-w', '/dev/null', '-B', '65536'];
  const takenByUs = (output: string): number => Number(/"totals":\{"ours":(\d+)/.exec(output)?.[1] ?? Number.NaN);
  const takenByTcpdump = (output: string): number => Number(/(\d+) packets? captured/.exec(output)?.[1] ?? Number.NaN);
  const rounds: { ours: Taken; other: Taken }[] = [];
  for (let round = 0; round < 3; round++) {
    rounds.push({ ours: await flooded(ours, takenByUs), other: await flooded(tcpdump, takenByTcpdump) });
  }
  const [own, other] = [rounds.map((one) => one.ours), rounds.map((one) => one.other)];
  const rate = (taken: readonly Taken[]): number => median(taken.map(({ packets }) => packets / (FLOOD_MS / 1000)));
  const cost = (taken: readonly Taken[]): number => median(taken.map(({ cpuNs }) => cpuNs));
  return {
    name,
    value: rate(own) / rate(other),
    unit: 'ratio',
    goal: { atLeast: 1.5 },
    note:
      `${(rate(own) / 1e6).toFixed(2)} against ${(rate(other) / 1e6).toFixed(2)} Mpps; ` +
      `CPU per packet ${cost(own).toFixed(0)} against ${cost(other).toFixed(0)} ns`,
  };
}
