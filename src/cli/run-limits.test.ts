import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exceeded, runLimits } from './run-limits.ts';
import { type Arrived, tagged } from './run-receiver.ts';
import { arrivedText } from './run-result.ts';

const LATENCY = { packets: 1, min: 1, mean: 1, max: 9000, p50: 1, p99: 3000, p999: 1, variation: 0 };
const arrived = (change: Partial<Arrived>): Arrived => ({
  ...{ packets: 990, bytes: 0, lost: 10, reordered: 0, duplicates: 0, latency: LATENCY, missed: 0 },
  ...{ trip: 'one-way', histogram: new Float64Array() },
  ...change,
});

/** [limits, what arrived of 1,000 packets, what is said to be exceeded]. */
const ROWS: readonly (readonly [object, Partial<Arrived>, readonly RegExp[]])[] = [
  [{}, { lost: 1000 }, []],
  [{ maxLoss: '10' }, {}, []],
  [{ maxLoss: '9' }, {}, [/^lost 10 packets, --max-loss allows 9$/]],
  [{ maxLoss: '1%' }, {}, []],
  [{ maxLoss: '0.99%' }, {}, [/allows 9$/]],
  [{ maxLatency: '3us' }, {}, []],
  [{ maxLatency: '2.999µs' }, {}, [/^p99 latency 3 µs, --max-latency allows 3 µs$/]],
  [{ maxLatency: '1ms', maxLoss: '0' }, { lost: 0 }, []],
  [{ maxLatency: '1s', maxLoss: '0' }, { latency: undefined as never }, [/^lost/, /nobody knows/]],
];
for (const [options, change, expected] of ROWS) {
  test(`${JSON.stringify(options)} and ${JSON.stringify(change)}`, () => {
    const lines = exceeded(runLimits(options), 1000, arrived(change));
    assert.equal(lines.length, expected.length);
    for (const [i, pattern] of expected.entries()) assert.match(lines[i] ?? '', pattern);
  });
}

test('both ends in one line', () => {
  assert.equal(
    arrivedText(1000, arrived({})),
    'sent 1,000 · received 990 · lost 10 · p99 latency 3 µs one-way, same clock\n',
  );
  assert.equal(
    arrivedText(1000, arrived({ reordered: 2, duplicates: 1, trip: 'round trip' })),
    'sent 1,000 · received 990 · lost 10 · reordered 2 · duplicates 1 · p99 latency 3 µs round trip\n',
  );
  assert.match(arrivedText(1000, arrived({ missed: 5 })), /\nthe receiver was too slow for 5 of them: /);
});

test('devices side by side get tags, unless they have some', () => {
  const device = (...lines: string[]) => ({ cpu: 0, name: 'pg0@0', lines });
  const tags = (...devices: ReturnType<typeof device>[]): (string | undefined)[] =>
    tagged(devices).map(({ lines }) => lines.find((line) => line.startsWith('flow_tag')));
  assert.deepEqual(tags(device()), [undefined]);
  assert.deepEqual(tags(device(), device()), ['flow_tag 1', 'flow_tag 2']);
  assert.deepEqual(tags(device('flows 10'), device('flows 10')), ['flow_tag 1', 'flow_tag 11']);
  assert.deepEqual(tags(device('flow_tag 9'), device()), ['flow_tag 9', undefined]);
});
