import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openGenerator } from '../src/daemon.ts';
import { figuresOf } from '../src/receive/flow-figures.ts';
import { SENDER_FIELDS } from '../src/receive/flow-key.ts';
import { XdpReceiver } from '../src/receive/xdp-receiver.ts';
import { STATE } from '../src/template/device-state.ts';
import { cannotSend, enterVethPair } from './veth-pair.ts';

/**
 * A long run at a steady rate whose sequence number wraps soon after its start: nothing may be lost, and nothing may
 * grow. `node dist/bench/soak.js [MINUTES] [PPS]`; a line a minute, and the sum at the end.
 */
const minutes = Number(process.argv[2] ?? 30);
const pps = Number(process.argv[3] ?? 1_000_000);
/** Numbers before the wrap, when the jump is made. */
const BEFORE_WRAP = 30 * pps;
const MB = 1 << 20;

const skipped = cannotSend();
if (skipped) throw new Error(skipped);

/** Bytes of kernel memory that could be given to somebody. */
const available = (): number =>
  1024 * Number(/MemAvailable: +(\d+)/.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? Number.NaN);
const megabytes = (bytes: number): number => Math.round(bytes / MB);

using pair = enterVethPair();
using receiver = pair.onFarSide(
  (ifindex) => new XdpReceiver({ ifindex, flows: 16, by: SENDER_FIELDS, pass: false, capture: 0 }),
);
await using generator = await openGenerator({ log: () => {} });
const { pktgen } = generator;
const writer = { capable: true, signal: new AbortController().signal };
const lines = ['pkt_size 60', 'dst_mac 02:00:00:00:00:02', `count ${minutes * 60 * pps}`, `ratep ${pps}`];
for (const [file, line] of [['kpktgend_0', `add_device ${pair.link}`], ...lines.map((one) => [pair.link, one])]) {
  const returned = await pktgen.write(file as string, line as string, writer);
  if (returned < 0) throw new Error(`${line}: errno ${-returned}`);
}
const device = pktgen.device(pair.link);
if (!device) throw new Error('no device');

const run = pktgen.start(writer.signal);
await sleep(1000);
// The program of live frames counts on from here; where it counted at the same moment, once more.
const jump = 2 ** 32 - BEFORE_WRAP;
while ((device.state[STATE.seqNum] ?? 0) < jump) {
  device.state[STATE.seqNum] = jump;
  await sleep(1);
}

const begun = performance.now();
let ended = false;
const whenEnded = run.then(() => {
  ended = true;
});
const memory: { rss: number; available: number }[] = [];
while (!ended) {
  await Promise.race([sleep(60_000), whenEnded]);
  receiver.refresh();
  memory.push({ rss: process.memoryUsage().rss, available: available() });
  const { packets, lost, reordered, duplicates, restarts, latency } = figuresOf(receiver.records());
  process.stdout.write(
    `${JSON.stringify({
      minute: Math.round((performance.now() - begun) / 60_000),
      ...{ packets, lost, reordered, duplicates, restarts, p99: latency?.p99, max: latency?.max },
      ...{ seqNum: device.state[STATE.seqNum], rssMB: megabytes(memory.at(-1)?.rss ?? 0) },
    })}\n`,
  );
}
await sleep(100);
const sent = device.figures();
const { packets, lost, reordered, duplicates, restarts } = figuresOf(receiver.records());
// Not the first minute: what is made once is made then.
const [first, last] = [memory[1], memory.at(-1)];
process.stdout.write(
  `${JSON.stringify({
    ...{ sent: sent.packets, errors: sent.errors, pps: sent.pps, received: packets, lost, reordered, duplicates },
    // The jump itself.
    restartsBesidesJump: restarts - 1,
    rssDriftMB: megabytes((last?.rss ?? 0) - (first?.rss ?? 0)),
    availableDriftMB: megabytes((last?.available ?? 0) - (first?.available ?? 0)),
  })}\n`,
);
