import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns } from '../../src/linux/netns.ts';
import { type Capture, capture } from '../support/capture.ts';
import { type DataCase, goldenNames, maskTimes, readCase, recordedFrames } from '../support/golden.ts';
import { assertSameFrames, isRandom } from '../support/same-frames.ts';
import { Bench, cannotServe, Served } from '../support/served.ts';

const skip = cannotServe() ?? false;

/** What the link itself seems to receive: only live frames do that. */
const staysHere = (name: string): boolean => name.startsWith('netif-receive');

/** How long an endless run goes on, ms. */
const ENDLESS_MS = 300;

interface Place {
  readonly bench: Bench;
  readonly served: Served;
}

/** How the recordings are sent: what is chosen without being told, on a link that takes live frames and on one that does not, and by name. */
type Way = 'live' | 'ring' | 'xsk';

/** Links and a daemon; with GRO at the far end, the near end takes live frames. */
async function newPlace(way: Way, options: readonly string[] = []): Promise<Place> {
  const bench = new Bench();
  if (way === 'live') bench.run('ip netns exec peer ethtool -K pg0p gro on; ethtool -K pg0 gro on');
  return { bench, served: await Served.start(bench.near, options) };
}

async function close({ bench, served }: Place): Promise<void> {
  await served.close();
  bench.close();
}

/** What arrives on the link of the far namespace, or seems to arrive on the near one. */
function captureArrivals(bench: Bench, where: 'far' | 'near'): Capture {
  using netns = Netns.open(bench[where]);
  return capture(where === 'far' ? 'pg0p' : 'pg0', { netns, slots: 8192, longest: 9100 });
}

async function run(served: Served, golden: DataCase): Promise<void> {
  if (golden.start.stopped_by_us_after === undefined) {
    assert.equal(await served.write('pgctrl', 'start\n'), 6);
    return;
  }
  const start = served.inBackground('pgctrl', 'start\n');
  await sleep(ENDLESS_MS);
  assert.equal(await served.write('pgctrl', 'stop\n'), 5);
  await start;
}

/** The transmitter that a recording is sent by: what live frames do not do goes through AF_XDP or the ring. */
const seals = ({ pre, writes }: DataCase): boolean =>
  pre.some(isAssociation) && writes.some(({ write }) => /^flows [1-9]/.test(write));
function expected(name: string, golden: DataCase, way: Way): Way {
  const { writes } = golden;
  const asks = (what: RegExp): boolean => writes.some(({ write }) => what.test(write));
  if (way === 'xsk') return 'xsk';
  if (seals(golden)) return 'ring';
  if (asks(/^frags ([2-9]|1\d)/)) return 'xsk';
  const beyondLive =
    /^size-(2000|9)/.test(name) || asks(/queue_xmit|skb_priority [1-9]|^frags 1\n|^delay \d{6}|^ratep \d{1,4}\n/);
  return way === 'live' && !beyondLive ? 'live' : 'ring';
}

for (const way of ['live', 'ring', 'xsk'] as const) {
  describe(`sent by ${way}`, { skip }, () => {
    let shared: Place;
    before(async () => {
      shared = await newPlace(way);
    });
    after(() => close(shared));

    for (const name of goldenNames('data').filter((one) => way === 'live' || !staysHere(one))) {
      test(`data ${name}: on a veth, captured where it arrives`, () => check(name, way, shared));
    }
  });
}

const isAssociation = (command: string): boolean => command.startsWith('ip xfrm state add ');

/** The associations of a recording in a file: the kernel that runs the tests may have no ESP. */
function associationsOf({ pre }: DataCase): ({ readonly path: string } & Disposable) | undefined {
  const lines = pre.filter(isAssociation);
  if (lines.length === 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-sa-'));
  const path = join(folder, 'associations');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** Without the last command's answer. */
const withoutResult = (text: string): string => text.replace(/Result: .*/s, '');

async function check(name: string, way: Way, shared: Place): Promise<void> {
  const golden = readCase<DataCase>('data', name);
  // Cases that set links up in their own way get links of their own.
  using associations = associationsOf(golden);
  const place = golden.pre.length === 0 ? shared : await newPlace(way, associations ? ['--sa', associations.path] : []);
  const { bench, served } = place;
  const logged = served.log.length;
  try {
    assert.equal(await served.write('pgctrl', 'reset\n'), 6);
    for (const command of golden.pre.filter((one) => !isAssociation(one))) bench.run(command);
    for (const { file, write } of golden.writes) await served.write(file, write);
    if (way === 'xsk') await served.write('pg0', 'transmitter xsk\n');
    const before = maskTimes((await served.read('pg0')) ?? '');
    if (way === 'xsk') assert.equal(withoutResult(before), withoutResult(maskTimes(golden.before)));
    else assert.equal(before, maskTimes(golden.before));
    using captured = captureArrivals(bench, staysHere(name) ? 'near' : 'far');
    await run(served, golden);
    if (way === 'xsk' && golden.writes.some(({ write }) => write === 'xmit_mode queue_xmit\n')) {
      // By name there is no other way: the run is refused, and nothing was sent.
      assert.ok(
        served.log.slice(logged).some((line) => /ERROR: pg0: AF_XDP does not go through the queueing/.test(line)),
      );
      assert.equal(captured.frames().length, 0);
      return;
    }
    await sleep(20);
    const got = captured.frames().filter((frame) => !(frame[12] === 0x86 && frame[20] === 58));
    if (golden.pcap) assertSameFrames(name, golden, recordedFrames(golden), got, true);
    const text = maskTimes((await served.read('pg0')) ?? '');
    // A run without end gets as far as it gets.
    const endless = golden.start.stopped_by_us_after !== undefined;
    const errors = (one: string): string => (endless ? one.replace(/errors: [1-9]\d*/g, 'errors: N') : one);
    if (!isRandom(name, golden)) assert.equal(errors(text), errors(maskTimes(golden.after)));
    for (const line of golden.start.dmesg) assert.ok(served.log.includes(line), `log: ${line}`);
    const how = served.log.slice(logged).find((line) => line.includes(': transmitter '));
    assert.match(how ?? '', new RegExp(`transmitter ${expected(name, golden, way)}:`));
  } finally {
    if (place !== shared) await close(place);
  }
}
