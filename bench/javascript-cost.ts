import { EXAMPLE_LINK } from '../src/cli/preview.ts';
import { Device } from '../src/pktgen/device.ts';
import { MODULE_PARAMS } from '../src/pktgen/pktgen.ts';
import { newDeviceState } from '../src/template/device-state.ts';
import { newFlowTable } from '../src/template/flow-table.ts';
import { CHUNK } from '../src/transmit/departures.ts';
import { MemoryQueue } from '../src/transmit/memory-queue.ts';
import { Sender } from '../src/transmit/send-loop.ts';
import type { Figure } from './figure.ts';

const ALL_RANDOM = [
  'src_mac 02:00:00:00:00:01',
  'src_mac_count 1000',
  'dst_mac_count 1000',
  'src_min 10.0.0.1',
  'src_max 10.255.255.255',
  'dst_min 11.0.0.1',
  'dst_max 11.255.255.255',
  'udp_src_min 1000',
  'udp_src_max 60000',
  'udp_dst_min 1000',
  'udp_dst_max 60000',
  'vlan_id 5',
  ...['IPSRC', 'IPDST', 'UDPSRC', 'UDPDST', 'MACSRC', 'MACDST', 'VID'].map((name) => `flag ${name}_RND`),
];

/** Calls of the loop in a measurement, and measurements: the best of them is what the code costs. */
const CALLS = 40_000;
const ROUNDS = 12;

/** ns of JavaScript that a packet costs, send loop and clock included, with frames that go nowhere. */
function costOf(lines: readonly string[]): number {
  const device = new Device({
    id: 1,
    name: EXAMPLE_LINK.name,
    cpu: 0,
    link: EXAMPLE_LINK,
    defaults: MODULE_PARAMS,
    state: newDeviceState(),
    random: 1,
  });
  for (const line of ['pkt_size 60', 'count 0', ...lines]) {
    device.patch(device.command(line, { debug: 0, nodePossible: () => true }).patches ?? []);
  }
  const { job } = device.start(0);
  const now = (): number => performance.now() * 1e6;
  const clock = { now, wallOffset: () => ({ sec: 1_700_000_000, nsec: 0 }), sleepUntil() {} };
  const sender = new Sender(job, new MemoryQueue(128), newFlowTable(), clock);
  sender.begin();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    for (let call = 0; call < CALLS; call++) sender.send();
    best = Math.min(best, ((performance.now() - begun) * 1e6) / CALLS / CHUNK);
  }
  return best;
}

/** What making a packet costs, without sending it. */
export async function javascriptCost(): Promise<Figure[]> {
  return [
    { name: 'javascript, default packet', value: costOf([]), unit: 'ns/packet', goal: { atMost: 10 } },
    { name: 'javascript, all ranges random', value: costOf(ALL_RANDOM), unit: 'ns/packet', goal: { atMost: 40 } },
  ];
}
