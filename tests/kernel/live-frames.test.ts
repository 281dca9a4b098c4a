import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { XDP } from '../../src/linux/bpf-link.ts';
import type { Netns } from '../../src/linux/netns.ts';

import { readU64, STATE } from '../../src/template/device-state.ts';
import { capture } from '../support/capture.ts';
import { atFarEnd } from '../support/far-end.ts';
import { type OpenedGenerator, openOnPair, until, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

const TIMEOUT_MS = 20_000;
const isIpv4 = (frame: Uint8Array): boolean => frame[12] === 0x08 && frame[13] === 0x00;
const view = (frame: Uint8Array): DataView => new DataView(frame.buffer, frame.byteOffset, frame.length);
const seqOf = (frame: Uint8Array): number => view(frame).getUint32(46);
const dstPort = (frame: Uint8Array): number => view(frame).getUint16(36);

/** Runs a shell command in the namespace of the thread, with its own /sys. */
function sh(netns: Netns, command: string): void {
  const argv = ['--mount', 'sh', '-c', `mount -t sysfs sysfs /sys && ${command}`];
  const { status, stderr } = netns.run(() => spawnSync('unshare', argv, { encoding: 'utf8' }));
  assert.equal(status, 0, stderr);
}
/** Frames that arrive wait for a thread of their own, which may run elsewhere: the queue before it can run over. */
const makeSlow = (pair: TestPair): void => sh(pair.far, 'echo 1 > /sys/class/net/pg0p/threaded');
const start = ({ generator }: OpenedGenerator): Promise<number> => generator.pktgen.write('pgctrl', 'start\n', writer);
const stop = ({ generator }: OpenedGenerator): Promise<number> => generator.pktgen.write('pgctrl', 'stop\n', writer);
const chosen = ({ log }: OpenedGenerator): string => log.filter((line) => line.includes(': transmitter ')).at(-1) ?? '';

/** Changes parameters in a run of 50,000 packets a second; how many packets left after that as they were before. */
async function changeInRun(): Promise<number> {
  using pair = new TestPair();
  using _pass = atFarEnd(pair, XDP.PASS);
  using sink = capture('pg0p', { netns: pair.far, slots: 65_536 });
  await using opened = await openOnPair(pair, ['count 0', 'ratep 50000', 'pkt_size 60']);
  const run = start(opened);
  await until('packets', () => opened.device.figures().packets > 2000);
  const before = readU64(opened.device.state, STATE.sofar);
  await opened.write('pg0', 'udp_dst_min 777', 'udp_dst_max 777', 'pkt_size 100', 'vlan_id 5');
  await sleep(100);
  await stop(opened);
  await run;
  const frames = sink.stop().filter((frame) => isIpv4(frame) || frame[12] === 0x81);
  // A tag moves what is behind it.
  const seqs = frames.map((frame) => (frame[12] === 0x81 ? view(frame).getUint32(50) : seqOf(frame)));
  assert.deepEqual(
    seqs,
    Array.from({ length: frames.length }, (_, i) => i + 1),
  );
  const first = frames.findIndex((frame) => frame.length === 104 && frame[12] === 0x81);
  if (first < 0) return Number.POSITIVE_INFINITY;
  assert.ok(frames.slice(first).every((frame) => frame.length === 104 && view(frame).getUint16(40) === 777));
  assert.equal(opened.device.figures().packets, frames.length);
  return first - before;
}

describe('live frames', { skip: whyNoNetns, timeout: 6 * TIMEOUT_MS }, () => {
  test('exactly count packets leave, all of them arrive, in order', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using _pass = atFarEnd(pair, XDP.PASS);
    using sink = capture('pg0p', { netns: pair.far, slots: 65_536 });
    await using opened = await openOnPair(pair, ['count 20000', 'ratep 100000', 'pkt_size 60']);
    await start(opened);
    assert.match(chosen(opened), /pg0: transmitter live: /);
    const frames = sink.stop().filter(isIpv4);
    assert.deepEqual(
      frames.map(seqOf),
      Array.from({ length: 20_000 }, (_, i) => i + 1),
    );
    assert.deepEqual([opened.device.figures().packets, opened.device.figures().errors], [20_000, 0]);
  });

  test('a far end that is slower: what was lost is an error and is sent again', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using _drop = atFarEnd(pair, XDP.DROP);
    makeSlow(pair);
    await using opened = await openOnPair(pair, ['count 2000000', 'pkt_size 60']);
    const before = pair.nearLink.statistics?.txDropped ?? 0;
    await start(opened);
    const { packets, errors } = opened.device.figures();
    const arrived = (): number => pair.farLink.statistics?.rxPackets ?? 0;
    await until('what is on its way', () => arrived() === packets);
    assert.equal(packets, 2_000_000);
    assert.equal(errors, (pair.nearLink.statistics?.txDropped ?? 0) - before);
    assert.ok(errors > 0, 'nothing was lost: the far end was not slow');
  });

  test('no packet leaves later than 2 ms after a stop', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using _drop = atFarEnd(pair, XDP.DROP);
    await using opened = await openOnPair(pair, ['count 0', 'pkt_size 60']);
    const run = start(opened);
    await until('packets', () => opened.device.figures().packets > 100_000);
    await stop(opened);
    await sleep(2);
    const arrived = pair.farLink.statistics?.rxPackets;
    await run;
    assert.equal(pair.farLink.statistics?.rxPackets, arrived);
    assert.equal(opened.device.figures().packets, arrived);
  });

  test('a parameter takes effect within 50 ms, no packet is lost or sent twice', { timeout: TIMEOUT_MS }, async () => {
    // Others on this machine may take the time once, but not each time.
    let late = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 5 && late > 50 * 50; tries++) late = await changeInRun();
    assert.ok(late <= 50 * 50, `${late} packets of 20 µs left as before`);
  });

  test('devices of one thread, that come and go, on one link', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using _pass = atFarEnd(pair, XDP.PASS);
    using sink = capture('pg0p', { netns: pair.far, slots: 65_536 });
    await using opened = await openOnPair(pair, [
      'count 0',
      'ratep 20000',
      'pkt_size 60',
      'udp_dst_min 100',
      'udp_dst_max 100',
    ]);
    const run = start(opened);
    await until('packets', () => opened.device.figures().packets > 500);
    await opened.write('kpktgend_0', 'add_device pg0@1');
    await opened.write(
      'pg0@1',
      'count 3000',
      'ratep 30000',
      'pkt_size 90',
      'vlan_id 7',
      'udp_dst_min 200',
      'udp_dst_max 200',
    );
    // A second start begins all anew.
    const again = start(opened);
    const other = opened.generator.pktgen.device('pg0@1');
    assert.ok(other);
    await until('the end of the second device', () => other.figures().packets === 3000 && !other.running);
    const sofar = opened.device.figures().packets;
    await until('the first goes on', () => opened.device.figures().packets > sofar + 500);
    await stop(opened);
    await Promise.all([run, again]);
    const frames = sink.stop();
    const tagged = frames.filter((frame) => frame[12] === 0x81);
    assert.deepEqual(
      tagged.map((frame) => view(frame).getUint32(50)),
      Array.from({ length: 3000 }, (_, i) => i + 1),
    );
    assert.ok(frames.filter(isIpv4).every((frame) => dstPort(frame) === 100 && frame.length === 60));
    const seqs = frames.filter(isIpv4).map(seqOf);
    const begins = seqs.lastIndexOf(1);
    assert.deepEqual(
      seqs.slice(begins),
      Array.from({ length: seqs.length - begins }, (_, i) => i + 1),
    );
    assert.equal(seqs.length - begins, opened.device.figures().packets);
  });

  test('a device that cannot go live runs through the ring beside one that does', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using _pass = atFarEnd(pair, XDP.PASS);
    await using opened = await openOnPair(pair, ['count 30000', 'pkt_size 60']);
    await opened.write('kpktgend_0', 'add_device pg0@1');
    await opened.write('pg0@1', 'count 3000', 'xmit_mode queue_xmit', 'pkt_size 60');
    const before = pair.farLink.statistics?.rxPackets ?? 0;
    await start(opened);
    assert.ok(opened.log.some((line) => /pg0@1: transmitter ring: no live frames: .*queueing discipline/.test(line)));
    assert.ok(opened.log.some((line) => /pg0: transmitter live: /.test(line)));
    assert.equal((pair.farLink.statistics?.rxPackets ?? 0) - before, 33_000);
  });

  test('a device changes between live frames and the ring in a run', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using _pass = atFarEnd(pair, XDP.PASS);
    using sink = capture('pg0p', { netns: pair.far, slots: 65_536 });
    await using opened = await openOnPair(pair, ['count 20000', 'ratep 20000', 'pkt_size 60']);
    const run = start(opened);
    for (const [packets, way] of [
      [3000, 'ring'],
      [8000, 'auto'],
    ] as const) {
      await until(`${packets} packets`, () => opened.device.figures().packets > packets);
      await opened.write('pg0', `transmitter ${way}`);
    }
    await run;
    const ways = opened.log.flatMap((line) => /pg0: transmitter (\w+)/.exec(line)?.[1] ?? []);
    assert.deepEqual(ways, ['live', 'ring', 'live']);
    assert.deepEqual(
      sink.stop().filter(isIpv4).map(seqOf),
      Array.from({ length: 20_000 }, (_, i) => i + 1),
    );
    assert.deepEqual([opened.device.figures().packets, opened.device.figures().errors], [20_000, 0]);
  });

  test('netif_receive: the link receives what is sent', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using _pass = atFarEnd(pair, XDP.PASS);
    using sink = capture('pg0', { netns: pair.near, slots: 8192 });
    await using opened = await openOnPair(pair, [
      'count 500',
      'xmit_mode netif_receive',
      'udp_dst_min 9',
      'udp_dst_max 20',
    ]);
    await start(opened);
    assert.match(chosen(opened), /transmitter live: only live frames can be received/);
    const frames = sink.stop().filter(isIpv4);
    assert.deepEqual(
      frames.map(seqOf),
      Array.from({ length: 500 }, (_, i) => i + 1),
    );
    assert.equal(opened.device.figures().packets, 500);
  });

  test('netif_receive after start_xmit on one link: what no driver was to take is not lost', {
    timeout: TIMEOUT_MS,
  }, async () => {
    using pair = new TestPair();
    using _pass = atFarEnd(pair, XDP.PASS);
    await using opened = await openOnPair(pair, ['count 1000', 'pkt_size 60']);
    for (const mode of ['start_xmit', 'netif_receive', 'start_xmit']) {
      await opened.write('pg0', `xmit_mode ${mode}`);
      await start(opened);
      const { packets, errors } = opened.device.figures();
      // Packets for another MAC address: nobody takes what the link seems to receive.
      assert.deepEqual([packets, errors], [1000, mode === 'netif_receive' ? 1000 : 0], mode);
    }
  });

  test('a link that takes no live frames sends through the ring, and why is said', {
    timeout: TIMEOUT_MS,
  }, async () => {
    using pair = new TestPair();
    await using opened = await openOnPair(pair, ['count 100']);
    await start(opened);
    assert.match(chosen(opened), /transmitter ring: no live frames: the other end of a veth .*gro on/);
    assert.equal(opened.device.figures().packets, 100);
    await opened.write('pg0', 'transmitter live');
    await start(opened);
    assert.match(opened.log.join('\n'), /ERROR: pg0: the other end of a veth takes them only with GRO/);
    assert.equal(opened.device.figures().packets, 0);
  });

  test('two links on one thread: each knows its own losses', { timeout: TIMEOUT_MS }, async () => {
    using pair = new TestPair();
    using other = new TestPair();
    using _drop = atFarEnd(pair, XDP.DROP);
    // The other link comes over to the same namespace under another name.
    sh(other.near, 'ip link set pg0 name pg1');
    other.nearRoutes.moveTo(other.nearRoutes.link('pg1')?.index ?? 0, pair.near.fd);
    const moved = pair.nearRoutes.link('pg1')?.index ?? 0;
    pair.nearRoutes.silence(moved);
    pair.nearRoutes.setUp(moved);
    const before = other.farLink.statistics?.rxPackets ?? 0;
    using _otherDrop = atFarEnd(other, XDP.DROP);
    makeSlow(other);
    await using opened = await openOnPair(pair, ['count 300000', 'pkt_size 60']);
    await opened.write('kpktgend_0', 'add_device pg1');
    await opened.write('pg1', 'count 300000', 'pkt_size 60');
    await start(opened);
    assert.deepEqual([opened.device.figures().packets, opened.device.figures().errors], [300_000, 0]);
    const second = opened.generator.pktgen.device('pg1')?.figures();
    assert.equal(second?.packets, 300_000);
    assert.equal(pair.farLink.statistics?.rxPackets, 300_000);
    await until('what is on its way', () => (other.farLink.statistics?.rxPackets ?? 0) - before === 300_000);
  });
});
