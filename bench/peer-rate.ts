import { type Figure, median, type Skipped } from './figure.ts';
import { missing, PEERS, peerRate } from './peers.ts';
import { runPktgen } from './run-pktgen.ts';
import { cannotSend, enterVethPair } from './veth-pair.ts';

const LIVE_PACKETS = 3_000_000;
const RING_PACKETS = 400_000;
const PEER_PACKETS = 400_000;
const ROUNDS = 3;
const LINES = ['pkt_size 60', 'dst_mac 02:00:00:00:00:02', 'dst 10.9.0.2'];

/** Live frames and the ring against the tools that a person could install: on the same veth, in turns. */
export async function peerRates(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  if (skipped) return [{ name: 'against peers', skipped }];
  using pair = enterVethPair({ sink: true });
  const peers = PEERS.filter((peer) => missing(peer) === undefined);
  const rates = new Map<string, number[]>([...peers.map(({ name }) => [name, []] as [string, number[]])]);
  const [live, ring]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    live.push((await runPktgen(pair.link, [...LINES, `count ${LIVE_PACKETS}`, 'transmitter live'])).pps);
    ring.push((await runPktgen(pair.link, [...LINES, `count ${RING_PACKETS}`, 'transmitter ring'])).pps);
    for (const peer of peers) rates.get(peer.name)?.push(peerRate(peer, pair, PEER_PACKETS));
  }
  const skips = PEERS.flatMap((peer) => {
    const why = missing(peer);
    return why === undefined ? [] : [{ name: `against ${peer.name}`, skipped: why }];
  });
  const mpps = (rate: number): string => `${(rate / 1e6).toFixed(2)} Mpps`;
  const [best] = [...rates].map(([name, all]) => ({ name, pps: median(all) })).sort((a, b) => b.pps - a.pps);
  const note = [...rates].map(([name, all]) => `${name} ${mpps(median(all))}`).join(', ');
  if (!best) return skips;
  const trafgen = median(rates.get('trafgen') ?? []);
  return [
    {
      name: 'live frames against the best of the peers, packets per second',
      value: median(live) / best.pps,
      unit: 'ratio',
      goal: { atLeast: 8 },
      note: `${mpps(median(live))} against ${note}`,
      pps: Object.fromEntries([
        ['live frames', Math.round(median(live))],
        ['ring', Math.round(median(ring))],
        ...[...rates].map(([name, all]) => [name, Math.round(median(all))]),
      ]),
    },
    {
      name: 'ring against trafgen, packets per second',
      value: median(ring) / trafgen,
      unit: 'ratio',
      goal: { atLeast: 1 },
      note: `${mpps(median(ring))} against ${mpps(trafgen)}`,
    },
    ...skips,
  ];
}
