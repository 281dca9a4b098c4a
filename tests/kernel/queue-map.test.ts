import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openOnPair, until, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';
import { QueueCounter } from '../support/queue-counter.ts';

const QUEUES = 4;
const COUNT = 4000;

/** [configuration, transmitter chosen, packets on each queue, or on how many of them when that is left to chance]. */
const MAPPINGS: readonly (readonly [lines: readonly string[], chosen: string, counts: readonly number[] | number])[] = [
  [['queue_map_min 2', 'queue_map_max 2'], 'xsk', [0, 0, COUNT, 0]],
  [['queue_map_max 3'], 'xsk', [1000, 1000, 1000, 1000]],
  [['queue_map_min 1', 'queue_map_max 2'], 'xsk', [0, 2000, 2000, 0]],
  [['queue_map_min 1', 'queue_map_max 3', 'flag QUEUE_MAP_RND'], 'xsk', 3],
  [['flag QUEUE_MAP_CPU'], 'live', [COUNT, 0, 0, 0]],
  [['flag QUEUE_MAP_CPU', 'transmitter xsk'], 'xsk', [COUNT, 0, 0, 0]],
  [['flag QUEUE_MAP_CPU', 'transmitter ring'], 'ring', [COUNT, 0, 0, 0]],
  [['queue_map_min 3', 'queue_map_max 9'], 'xsk', [0, 0, 0, COUNT]],
  [['transmitter xsk'], 'xsk', [COUNT, 0, 0, 0]],
];

describe('packets arrive on the queue that they were sent to', { skip: whyNoNetns }, () => {
  for (const [lines, chosen, counts] of MAPPINGS) {
    test(`${lines.join(', ')}: by ${chosen}`, { timeout: 20_000 }, async () => {
      using pair = new TestPair({ queues: QUEUES });
      using counter = new QueueCounter(pair);
      await using opened = await openOnPair(pair, [`count ${COUNT}`, 'pkt_size 60', ...lines]);
      assert.equal(await opened.generator.pktgen.write('pgctrl', 'start\n', writer), 6);
      const total = (): number => counter.counts(QUEUES).reduce((sum, one) => sum + one);
      await until('all packets', () => total() === COUNT);
      assert.equal(opened.device.sending?.transmitter, chosen);
      const arrived = counter.counts(QUEUES);
      if (typeof counts !== 'number') return assert.deepEqual(arrived, counts);
      const used = arrived.filter((packets) => packets > 0);
      assert.equal(used.length, counts);
      // Drawn evenly: some 1333 of each.
      for (const packets of used) assert.ok(Math.abs(packets - COUNT / counts) < 200, arrived.join(', '));
    });
  }

  test('a queue that another AF_XDP socket has: the kernel chooses, and it is said', { timeout: 20_000 }, async () => {
    using pair = new TestPair({ queues: QUEUES });
    using counter = new QueueCounter(pair);
    const lines = ['count 1000', 'pkt_size 60', 'queue_map_min 2', 'queue_map_max 2'];
    await using first = await openOnPair(pair, [...lines, 'transmitter xsk']);
    const start = (): Promise<number> => first.generator.pktgen.write('pgctrl', 'start\n', writer);
    await start();
    // The worker of its thread is made in the namespace that this thread is in.
    await pair.near.run(() => first.write('kpktgend_1', 'add_device pg0@1'));
    await first.write('pg0@1', ...lines);
    await start();
    const second = first.generator.pktgen.device('pg0@1');
    assert.equal(second?.sending?.transmitter, 'ring');
    assert.match(
      second?.sending?.why ?? '',
      /queue 2 is asked for; no AF_XDP: bind AF_XDP queue 2 .another AF_XDP socket has it.: EBUSY/,
    );
    await until('all packets', () => counter.counts(QUEUES).reduce((sum, one) => sum + one) === 3000);
    // The ring of the second thread goes by its CPU.
    assert.deepEqual(counter.counts(QUEUES), [0, 1000, 2000, 0]);
  });

  test('queues that change during a run', { timeout: 20_000 }, async () => {
    using pair = new TestPair({ queues: QUEUES });
    using counter = new QueueCounter(pair);
    const lines = ['count 0', 'pkt_size 60', 'queue_map_min 1', 'queue_map_max 1'];
    await using opened = await openOnPair(pair, lines);
    const run = opened.generator.pktgen.write('pgctrl', 'start\n', writer);
    const on = (queue: number): number => counter.counts(QUEUES)[queue] ?? 0;
    await until('packets on the first queue', () => on(1) > 1000);
    await opened.write('pg0', 'queue_map_max 3', 'queue_map_min 3');
    await until('packets on the other queue', () => on(3) > 1000);
    const first = on(1);
    await opened.write('pg0', 'queue_map_min 0', 'queue_map_max 0');
    await until('packets on the queue of the CPU', () => on(0) > 1000);
    assert.equal(opened.device.sending?.transmitter, 'live');
    assert.equal(on(1), first);
    await opened.generator.pktgen.write('pgctrl', 'stop\n', writer);
    await run;
    const { packets, errors } = opened.device.figures();
    await until('all packets', () => counter.counts(QUEUES).reduce((sum, one) => sum + one) === packets);
    assert.equal(errors, 0);
  });

  test('zero-copy where the driver has none is refused, and what to do is said', { timeout: 20_000 }, async () => {
    using pair = new TestPair();
    await using opened = await openOnPair(pair, ['count 10', 'transmitter xsk_zc']);
    await opened.generator.pktgen.write('pgctrl', 'start\n', writer);
    assert.equal(opened.device.figures().packets, 0);
    assert.ok(
      opened.log.some((line) =>
        /ERROR: pg0: bind AF_XDP queue 0 .*"transmitter xsk" copies them.: EOPNOTSUPP/.test(line),
      ),
      opened.log.join('\n'),
    );
  });
});
