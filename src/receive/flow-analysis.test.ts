import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FlowAnalysis } from './flow-analysis.ts';
import { type FlowFigures, flowFigures } from './flow-figures.ts';
import { FLOW_KEY_LEN } from './flow-key.ts';

const SEC = 1_700_000_000;

/** Takes packets with these numbers, sent a microsecond apart in the order of their numbers, each 100 ns on its way. */
function figuresOf(
  seqs: readonly number[],
  { timed = true, run = () => 0 }: { timed?: boolean; run?: (i: number) => number } = {},
): FlowFigures {
  const analysis = new FlowAnalysis(new Uint8Array(FLOW_KEY_LEN));
  for (const [i, seq] of seqs.entries()) {
    const us = run(i) * 1_000_000 + (seq % 1_000_000);
    const [sec, usec] = timed ? [SEC + Math.floor(us / 1e6), us % 1_000_000] : [0, 0];
    const [atSec, atNsec] = [SEC + Math.floor(us / 1e6), (us % 1_000_000) * 1000 + 100];
    analysis.take({ seq, sec, nsec: usec * 1000, bytes: 60, atSec, atNsec });
  }
  return flowFigures(analysis.record());
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => (from + i) >>> 0);

/** [what, numbers in the order in which they come, what is counted]. */
const ROWS: readonly (readonly [what: string, seqs: readonly number[], expected: Partial<FlowFigures>])[] = [
  ['all in order', range(1, 5000), { packets: 5000, lost: 0, reordered: 0, duplicates: 0, bytes: 300_000 }],
  ['one packet', [7], { packets: 1, lost: 0 }],
  ['some lost', [1, 2, 5, 6, 10], { packets: 5, lost: 5, reordered: 0 }],
  ['two that change places', [1, 3, 2, 4], { lost: 0, reordered: 1 }],
  ['one that comes very late', [1, ...range(3, 1500), 2], { lost: 0, reordered: 1 }],
  ['one that comes twice', [1, 2, 2, 3], { lost: 0, duplicates: 1, reordered: 0 }],
  ['one that comes again later', [...range(1, 1000), 10, 999], { lost: 0, duplicates: 2 }],
  ['too late to be told apart', [...range(1, 5000), 17], { lost: 0, old: 1, duplicates: 0, reordered: 0 }],
  ['the first ones late', [3, 4, 1, 5], { lost: 1, reordered: 1 }],
  ['a gap wider than the window, then its edges', [1, 100_001, 100_000, 1], { lost: 99_998, reordered: 1 }],
  ['over the end of the numbers', [...range(0xffff_fffe, 0xffff_ffff), 0, 1, 2], { lost: 0, reordered: 0, packets: 5 }],
  ['lost and late over the end', [0xffff_fffd, 0xffff_ffff, 1, 0, 0xffff_fffe], { lost: 0, reordered: 2 }],
];

describe('sequence numbers', () => {
  for (const [what, seqs, expected] of ROWS) {
    for (const timed of [true, false]) {
      test(`${what}${timed ? '' : ', without times'}`, () => {
        const figures = figuresOf(seqs, { timed: timed && seqs.at(-1) !== 1 && !seqs.includes(0) });
        for (const [name, value] of Object.entries(expected)) {
          assert.deepEqual(figures[name as keyof FlowFigures], value, name);
        }
      });
    }
  }

  test('a sender that begins anew, after a short run and after a long one', () => {
    const short = figuresOf([...range(1, 10), ...range(1, 8)], { run: (i) => (i < 10 ? 0 : 1) });
    assert.deepEqual([short.restarts, short.lost, short.duplicates, short.packets], [1, 0, 0, 18]);
    const lossy = figuresOf([1, 2, 5, 1, 3], { run: (i) => (i < 3 ? 0 : 1) });
    assert.deepEqual([lossy.restarts, lossy.lost], [1, 3]);
    const long = figuresOf([...range(1, 3), 200_000, 1], { timed: false });
    assert.deepEqual([long.restarts, long.lost], [1, 199_996]);
  });
});

test('whatever is dropped, doubled and moved: the counts are what was done', () => {
  const fate = fc.constantFrom('ok', 'ok', 'ok', 'lost', 'twice', 'late');
  fc.assert(
    fc.property(fc.array(fate, { minLength: 2, maxLength: 600 }), fc.constantFrom(1, 0xffff_ff00), (fates, first) => {
      const order: number[] = [];
      let held: number | undefined;
      const done = { lost: 0, twice: 0, late: 0 };
      const numbers = fates.map((_, i) => (first + i) >>> 0);
      // The ends come, so that what is between them is known.
      const all = fates.map((one, i) => (i === 0 || i === fates.length - 1 ? 'ok' : one));
      for (const [i, one] of all.entries()) {
        const number = numbers[i] ?? 0;
        if (one === 'late' && held === undefined) {
          held = number;
          done.late++;
          continue;
        }
        if (one === 'lost') {
          done.lost++;
          continue;
        }
        order.push(number);
        if (one === 'twice') {
          order.push(number);
          done.twice++;
        }
        if (held !== undefined) {
          order.push(held);
          held = undefined;
        }
      }
      const { packets, lost, duplicates, reordered, restarts } = figuresOf(order, { timed: false });
      assert.deepEqual(
        { packets, lost, duplicates, reordered, restarts },
        { packets: order.length, lost: done.lost, duplicates: done.twice, reordered: done.late, restarts: 0 },
      );
    }),
    { numRuns: 500 },
  );
});

describe('latency', () => {
  /** A record of packets that took so long, ns. */
  function ofLatencies(latencies: readonly number[]): FlowFigures {
    const analysis = new FlowAnalysis(new Uint8Array(FLOW_KEY_LEN));
    for (const [i, latency] of latencies.entries()) {
      const [atSec, atNsec] = latency < 0 ? [SEC + i - 1, 1e9 + latency] : [SEC + i, latency];
      analysis.take({ seq: i + 1, sec: SEC + i, nsec: 0, bytes: 60, atSec, atNsec });
    }
    return flowFigures(analysis.record());
  }

  test('least, mean, greatest, quantiles and variation', () => {
    const { latency } = ofLatencies(Array.from({ length: 1000 }, (_, i) => 1000 * (i + 1)));
    assert.ok(latency);
    assert.deepEqual([latency.min, latency.max, latency.mean, latency.variation], [1000, 1_000_000, 500_500, 1000]);
    for (const [share, ns] of [
      ['p50', 500_000],
      ['p99', 990_000],
      ['p999', 999_000],
    ] as const) {
      assert.ok(Math.abs(latency[share] - ns) <= ns * 0.03, `${share} ${latency[share]}`);
    }
  });

  test('a packet that comes before it left took no time: the clocks differ', () => {
    assert.deepEqual(ofLatencies([-500, -500]).latency?.max, 0);
  });

  test('packets without a time have none', () => {
    assert.equal(figuresOf([1, 2, 3], { timed: false }).latency, undefined);
  });
});
