import { figuresOf } from '../src/receive/flow-figures.ts';
import { SENDER_FIELDS } from '../src/receive/flow-key.ts';
import { XdpReceiver } from '../src/receive/xdp-receiver.ts';
import { type Figure, median, type Skipped } from './figure.ts';
import { runPktgen } from './run-pktgen.ts';
import { cannotSend, enterVethPair, type VethPair } from './veth-pair.ts';

const PACKETS = 2_000_000;
const ROUNDS = 5;
const LINES = [`count ${PACKETS}`, 'pkt_size 60', 'dst_mac 02:00:00:00:00:02'];

/** Packets per second of a run, and how many of them the receiver did not see. */
async function measured(pair: VethPair): Promise<{ pps: number; lost: number }> {
  using receiver = pair.onFarSide(
    (ifindex) => new XdpReceiver({ ifindex, flows: 16, by: SENDER_FIELDS, pass: false, capture: 0 }),
  );
  const { pps } = await runPktgen(pair.link, LINES);
  const { packets, lost } = figuresOf(receiver.records());
  return { pps, lost: PACKETS - packets + lost };
}

/** A far end that measures, against one that only drops: on the same veth, in turns. */
export async function sinkRate(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  if (skipped) return [{ name: 'receiver', skipped }];
  const [measuring, dropping]: [number[], number[]] = [[], []];
  let lost = 0;
  for (let round = 0; round < ROUNDS; round++) {
    {
      using pair = enterVethPair();
      const run = await measured(pair);
      measuring.push(run.pps);
      lost += run.lost;
    }
    using pair = enterVethPair({ sink: true });
    dropping.push((await runPktgen(pair.link, LINES)).pps);
  }
  const [a, b] = [median(measuring), median(dropping)];
  return [
    {
      name: 'a far end that measures loss and latency, against one that only drops',
      value: a / b,
      unit: 'ratio',
      goal: { atLeast: 0.5 },
      note: `${(a / 1e6).toFixed(2)} against ${(b / 1e6).toFixed(2)} Mpps`,
    },
    { name: 'packets that the receiver did not see', value: lost, unit: 'packets', goal: { atMost: 0 } },
  ];
}
