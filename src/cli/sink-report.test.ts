import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flowJson, flowName, shortTime, sinkText } from './sink-report.ts';

const FLOW = {
  key: (BigInt(0x1005) << 48n) | 0x01_00_00_00_00_02n,
  packets: 1001,
  bytes: 60_060,
  lost: 2,
  reordered: 1,
  duplicates: 0,
  old: 0,
  restarts: 0,
  durationNs: 1e9,
  latency: {
    packets: 1001,
    min: 900,
    mean: 1500,
    max: 2_500_000,
    p50: 1200,
    p99: 45_600,
    p999: 1_230_000,
    variation: 100,
  },
};
const TOTALS = { ours: 1001, foreign: 3, truncated: 0, fragment: 0, overflow: 0, busy: 0 };

test('a flow is named after its sender', () => {
  assert.equal(flowName(FLOW.key), '02:00:00:00:00:01 VLAN 5');
  assert.equal(flowName(0x01_00_00_00_00_02n), '02:00:00:00:00:01');
});

test('times have a unit that suits them', () => {
  assert.deepEqual([0, 999, 1000, 12_345, 1e6, 2.5e9].map(shortTime), [
    '0 ns',
    '999 ns',
    '1 µs',
    '12.3 µs',
    '1 ms',
    '2.5 s',
  ]);
});

test('the table', () => {
  assert.deepEqual(
    sinkText([FLOW, { ...FLOW, latency: undefined as never }], TOTALS)
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
    [
      ['flow', 'packets', 'pps', 'lost', 'reordered', 'duplicates', 'latency p50 / p99 / p99.9 / max'],
      ['02:00:00:00:00:01 VLAN 5', '1,001', '1,000', '2', '1', '0', '1.2 µs / 45.6 µs / 1.23 ms / 2.5 ms'],
      ['02:00:00:00:00:01 VLAN 5', '1,001', '1,000', '2', '1', '0', '-'],
      ['besides: foreign 3'],
      [''],
    ],
  );
});

test('as data', () => {
  const { flow, pps, lost } = JSON.parse(JSON.stringify(flowJson(FLOW)));
  assert.deepEqual({ flow, pps, lost }, { flow: '02:00:00:00:00:01 VLAN 5', pps: 1000, lost: 2 });
});
