import { Runner } from '../src/transmit/live/runner.ts';
import { constantFrameRate } from './constant-frame.ts';
import { type Figure, median, type Skipped } from './figure.ts';
import { type BenchDevice, runDevices } from './run-pktgen.ts';
import { cannotSend, enterVethPair, type VethPair } from './veth-pair.ts';

const PACKETS = 3_000_000;
const ROUNDS = 5;
const TO = ['dst_mac 02:00:00:00:00:02', 'dst 10.9.0.2'];

const flags = (...names: readonly string[]): string[] => names.map((name) => `flag ${name}`);
const range = (name: string, from: string | number, to: string | number): string[] => [
  `${name}_min ${from}`,
  `${name}_max ${to}`,
];

/** Everything that can be random, with its checksum right. */
const ALL_RANDOM = [
  ...range('src', '10.0.0.1', '10.255.255.254'),
  ...range('dst', '11.0.0.1', '11.255.255.254'),
  ...range('udp_src', 1, 60_000),
  ...range('udp_dst', 1, 60_000),
  ...['src_mac_count 1000', 'dst_mac_count 1000', 'vlan_id 5'],
  ...flags('IPSRC_RND', 'IPDST_RND', 'UDPSRC_RND', 'UDPDST_RND', 'MACSRC_RND', 'MACDST_RND', 'VID_RND'),
];

/** What is sent, of what length a constant frame has to be beside it, and how much of its rate is wanted. */
const CASES: readonly {
  readonly name: string;
  readonly frameLen: number;
  readonly atLeast: number;
  readonly devices: readonly (readonly string[])[];
}[] = [
  { name: 'default configuration', frameLen: 60, atLeast: 0.9, devices: [['pkt_size 60']] },
  { name: 'all ranges random', frameLen: 62, atLeast: 0.72, devices: [['pkt_size 60', ...ALL_RANDOM]] },
  {
    name: 'IPv6 with UDPCSUM',
    frameLen: 78,
    atLeast: 0.6,
    devices: [['pkt_size 78', 'dst6 fd00::2', 'src6 fd00::1', ...flags('UDPCSUM')]],
  },
  {
    name: 'imix 64/570/1518',
    // (7 * 64 + 4 * 570 + 1 * 1518) / 12
    frameLen: 354,
    atLeast: 0.5,
    devices: [['imix_weights 64,7 570,4 1518,1']],
  },
  {
    name: '1,000 sequential flows',
    frameLen: 60,
    atLeast: 0.7,
    devices: [
      ['pkt_size 60', 'flows 1000', 'flowlen 10', ...flags('FLOW_SEQ'), ...range('dst', '11.0.0.1', '11.0.3.232')],
    ],
  },
  {
    name: 'four devices with different headers on one thread',
    frameLen: 64,
    atLeast: 0.6,
    devices: [
      ['pkt_size 60'],
      ['pkt_size 64', 'vlan_id 5'],
      ['pkt_size 70', 'mpls 0001000a'],
      ['pkt_size 60', 'tos 2e'],
    ],
  },
];

/** The devices of a case on one thread, which share its packets. */
const devicesOf = (pair: VethPair, lines: readonly (readonly string[])[], thread = 0): BenchDevice[] =>
  lines.map((one, i) => ({
    name: lines.length > 1 || thread > 0 ? `${pair.link}@${thread}${i}` : pair.link,
    thread,
    lines: [...TO, ...one, `count ${PACKETS / lines.length}`],
  }));

/** Packets per second that arrived, and packets that did not. */
async function arrived(pair: VethPair, devices: readonly BenchDevice[]): Promise<{ pps: number; lost: number }> {
  const before = pair.received();
  const results = await runDevices(devices);
  const packets = pair.received() - before;
  const sent = results.reduce((sum, result) => sum + result.packets, 0);
  // Devices without delay that share a thread run one behind the other, each from the common start on.
  const total = Math.max(...results.map((result) => result.elapsedNs));
  return { pps: (packets * 1e9) / total, lost: sent - packets };
}

/** Live frames against a constant frame, over a veth whose far end drops in XDP; in turns. */
export async function liveRate(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  if (skipped) return [{ name: 'live frames', skipped }];
  using pair = enterVethPair({ queues: 2, sink: true });
  const runner = new Runner(0);
  const figures: Figure[] = [];
  let lost = 0;
  for (const { name, frameLen, atLeast, devices } of CASES) {
    const [ours, constant]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const run = await arrived(pair, devicesOf(pair, devices));
      ours.push(run.pps);
      lost += run.lost;
      constant.push(constantFrameRate(runner, pair.link, frameLen));
    }
    const [a, b] = [median(ours), median(constant)];
    figures.push({
      name: `live frames, ${name}, against a constant frame of ${frameLen} bytes`,
      value: a / b,
      unit: 'ratio',
      goal: { atLeast },
      note: `${(a / 1e6).toFixed(2)} against ${(b / 1e6).toFixed(2)} Mpps`,
    });
  }
  const [one, two]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const single = await arrived(pair, devicesOf(pair, [['pkt_size 60']]));
    const both = await arrived(
      pair,
      [0, 1].flatMap((thread) => devicesOf(pair, [['pkt_size 60']], thread)),
    );
    one.push(single.pps);
    two.push(both.pps);
    lost += single.lost + both.lost;
  }
  figures.push({
    name: 'live frames, two threads against one',
    value: median(two) / median(one),
    unit: 'ratio',
    goal: { atLeast: 1.85 },
    note: `${(median(two) / 1e6).toFixed(2)} against ${(median(one) / 1e6).toFixed(2)} Mpps`,
  });
  runner.close();
  figures.push({
    name: 'live frames lost against a far end that keeps up',
    value: lost,
    unit: 'packets',
    goal: { atMost: 0 },
  });
  return figures;
}
