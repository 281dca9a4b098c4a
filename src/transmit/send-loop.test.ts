import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fakeMachine } from '../../tests/support/fake-machine.ts';
import { FakeClock, LoopEngine } from '../../tests/support/loop-engine.ts';
import { SyscallError } from '../linux/errno.ts';
import { readU64, STATE } from '../template/device-state.ts';
import { MemoryQueue } from './memory-queue.ts';

/** The model with the real loop; endless runs go round `longestLoop` times. */
async function generator(lines: readonly string[], device = 'dum0', longestLoop = 2000) {
  const clock = new FakeClock();
  const engines: LoopEngine[] = [];
  const { pktgen, machine } = fakeMachine(undefined, (_machine, stopped) => {
    engines.push(new LoopEngine(stopped, clock, longestLoop));
    return engines[0] as LoopEngine;
  });
  const write = (file: string, data: string): Promise<number> => pktgen.write(file, data, machine.root);
  await write('kpktgend_0', `add_device ${device}\n`);
  for (const line of lines) assert.equal(await write(device, line), line.length, line);
  const engine = engines[0];
  const state = pktgen.device(device)?.state;
  assert.ok(engine && state);
  const start = async (): Promise<void> => void (await write('pgctrl', 'start\n'));
  /** Begins without waiting for the end: a run that has none. */
  const begin = (): void => void write('pgctrl', 'start\n');
  return { pktgen, machine, engine, state, clock, write, start, begin };
}
const seqOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(46);

test('packets 1 and 2 of a first run leave back to back, later ones after the delay; later runs wait from the start', async () => {
  const { engine, start, state } = await generator(['count 10', 'delay 1000000']);
  await start();
  const times = engine.sent.map((frame) => frame.at);
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
  assert.ok((gaps[0] ?? 0) < 100_000, `first gap ${gaps[0]}`);
  for (const gap of gaps.slice(1)) assert.ok(Math.abs(gap - 1e6) < 20_000, `gap ${gap}`);
  const first = readU64(state, STATE.stoppedAt) - readU64(state, STATE.startedAt);
  assert.ok(Math.abs(first - 8e6) < 50_000, `a first run of 10 takes 8 delays, not ${first}`);
  assert.ok(readU64(state, STATE.idle) > 7e6 && readU64(state, STATE.idle) <= first);
  await start();
  const second = readU64(state, STATE.stoppedAt) - readU64(state, STATE.startedAt);
  assert.ok(Math.abs(second - 9e6) < 50_000, `a second run of 10 takes 9 delays, not ${second}`);
});

test('the schedule does not drift: what is late goes at once, and the rate holds', async () => {
  const { engine, start, clock } = await generator(['count 5000', 'delay 1000'], 'dum0', 100_000);
  // Each look at the clock costs half a delay, so that the loop is always late.
  clock.tick = 500;
  await start();
  const span = (engine.sent.at(-1)?.at ?? 0) - (engine.sent[0]?.at ?? 0);
  assert.ok(Math.abs(span - 4998 * 1000) < 100_000, `5000 packets took ${span} ns`);
  assert.equal(engine.sent.length, 5000);
});

test('sequence numbers are those of the packets, from 1 in each run; IP ids run on', async () => {
  const { engine, start } = await generator(['count 100']);
  await start();
  assert.deepEqual(
    engine.sent.map((frame) => seqOf(frame.bytes)),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  await start();
  const again = engine.sent[100]?.bytes ?? new Uint8Array(64);
  assert.equal(seqOf(again), 1);
  assert.equal(new DataView(again.buffer).getUint16(18), 100);
});

test('two devices of a thread depart in the order of their times', async () => {
  const { engine, write } = await generator(['count 20', 'delay 1000000'], 'pg0');
  await write('kpktgend_0', 'add_device pg1\n');
  for (const line of ['count 10', 'delay 2000000']) await write('pg1', line);
  await write('pgctrl', 'start\n');
  const times = engine.sent.map((frame) => frame.at);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  assert.equal(engine.sent.filter((frame) => frame.device === 'pg0').length, 20);
  assert.equal(engine.sent.filter((frame) => frame.device === 'pg1').length, 10);
  // Newest first: pg1 began first and departs first where times are equal.
  assert.equal(engine.sent[0]?.device, 'pg1');
});

test('a device that never sends does not keep a stop waiting', async () => {
  const { engine, begin, state, write, pktgen } = await generator(['delay 2147483647'], 'dum0', 3);
  begin();
  assert.equal(engine.sent.length, 0);
  assert.equal(state[STATE.running], 1);
  await write('pgctrl', 'stop\n');
  assert.equal(state[STATE.running], 0);
  assert.match(pktgen.read('dum0') ?? '', /0 \(58byte,-1frags\)/);
});

test('packets longer than the link takes are errors, for ever, and use up no sequence number', async () => {
  const { engine, begin, state, write } = await generator(['pkt_size 2000', 'count 4'], 'pg0', 50);
  engine.newQueue = () => Object.assign(new MemoryQueue(2048), { longestFrame: () => 1514 });
  begin();
  assert.equal(readU64(state, STATE.sofar), 0);
  assert.ok(readU64(state, STATE.errors) > 100);
  assert.equal(state[STATE.seqNum], 1);
  await write('pgctrl', 'stop\n');
  assert.equal(state[STATE.running], 0);
});

test('a busy link gets what it has room for; nothing else is counted', async () => {
  const { engine, begin, state, write } = await generator(['count 1000'], 'pg0', 100);
  /** Takes 10 frames in all, then none. */
  class BusyQueue extends MemoryQueue {
    taken = 0;
    override reserve(most: number): number {
      return this.taken + this.pending >= 10 ? 0 : Math.min(super.reserve(most), 10 - this.taken - this.pending);
    }
    override flush(): number {
      const frames = super.flush();
      this.taken += frames;
      return frames;
    }
  }
  engine.newQueue = () => new BusyQueue(2048);
  begin();
  assert.equal(readU64(state, STATE.sofar), 10);
  assert.equal(readU64(state, STATE.errors), 0);
  assert.equal(state[STATE.running], 1);
  await write('pgctrl', 'stop\n');
  assert.equal(state[STATE.running], 0);
});

test('an error of the queue ends the run, with what had left', async () => {
  const { engine, start, state } = await generator(['count 1000'], 'pg0');
  class BreakingQueue extends MemoryQueue {
    flushes = 0;
    override flush(): number {
      if (++this.flushes > 2) throw new SyscallError('sendto', 100, 'AF_PACKET');
      return super.flush();
    }
  }
  engine.newQueue = () => new BreakingQueue(2048);
  await assert.rejects(start(), /sendto AF_PACKET: ENETDOWN/);
  assert.equal(state[STATE.running], 0);
  assert.equal(readU64(state, STATE.sofar), 128);
});

test('a template changed during a run takes effect at once; the sequence goes on', async () => {
  const { engine, begin, write } = await generator(['count 0', 'pkt_size 60'], 'dum0', 2);
  begin();
  const before = engine.sent.length;
  await write('dum0', 'pkt_size 200');
  await write('dum0', 'udp_dst_min 500');
  engine.go(1);
  const frame = engine.sent[before]?.bytes ?? new Uint8Array(64);
  assert.equal(frame.length, 200);
  assert.equal(seqOf(frame), before + 1);
  assert.equal(new DataView(frame.buffer).getUint16(36), 500);
  await write('pgctrl', 'stop\n');
});

test('what left is never more than count, but for the last burst', async () => {
  const numbers = fc.record({
    count: fc.integer({ min: 1, max: 300 }),
    burst: fc.integer({ min: 1, max: 40 }),
    clone: fc.integer({ min: 0, max: 50 }),
  });
  await fc.assert(
    fc.asyncProperty(numbers, async ({ count, burst, clone }) => {
      const { engine, start, state } = await generator([`count ${count}`, `burst ${burst}`, `clone_skb ${clone}`]);
      await start();
      const sofar = readU64(state, STATE.sofar);
      assert.equal(sofar, Math.ceil(count / burst) * burst);
      assert.equal(engine.sent.length, sofar);
      assert.equal(state[STATE.seqNum], sofar + 1);
    }),
    { numRuns: 200 },
  );
});
