import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlowAnalysis } from '../receive/flow-analysis.ts';
import { figuresOf, latencyCounts } from '../receive/flow-figures.ts';
import { FLOW_KEY_LEN, type FlowField, flowName, HAS_VLAN, keyValues, SENDER_FIELDS } from '../receive/flow-key.ts';
import { grouped, shortTime } from './figures-text.ts';
import { FlowView } from './flow-view.ts';
import { latencyChart } from './latency-chart.ts';
import { sinkText } from './sink-report.ts';
import { csvStream, jsonStream } from './sink-stream.ts';

const SEC = 1_700_000_000;

/** A key with these fields; addresses of IPv4. */
function keyOf({ vlan, tag = 0, sport = 0 }: { vlan?: number; tag?: number; sport?: number }): Uint8Array {
  const key = new Uint8Array(FLOW_KEY_LEN);
  const view = new DataView(key.buffer);
  key.set([2, 0, 0, 0, 0, 1]);
  view.setUint16(6, vlan === undefined ? 0 : HAS_VLAN | vlan);
  view.setUint16(8, tag);
  view.setUint16(10, sport);
  view.setUint32(26, 0xffff0a09);
  view.setUint16(30, 1);
  return key;
}

/** The record of a flow whose packets took so long, ns, one each 10 ms; 60 bytes each. */
function recordOf(latencies: readonly number[], key = keyOf({})): BigUint64Array {
  const analysis = new FlowAnalysis(key);
  for (const [i, latency] of latencies.entries()) {
    const nsec = i * 10_000_000;
    analysis.take({ seq: 2 * i + 1, sec: SEC, nsec, bytes: 60, atSec: SEC, atNsec: nsec + latency });
  }
  return analysis.record();
}
const view = (record: BigUint64Array, by: readonly FlowField[] = SENDER_FIELDS): FlowView =>
  new FlowView(record, by, { packets: 3, pps: 100, bps: 48_000 });
const TOTALS = { ours: 4, foreign: 3, truncated: 0, fragment: 0, overflow: 0, busy: 0, missed: 0 };

test('a flow is named after its fields', () => {
  assert.equal(flowName(keyOf({ vlan: 5 }), SENDER_FIELDS), '02:00:00:00:00:01 VLAN 5');
  assert.equal(flowName(keyOf({ vlan: 0, tag: 9 }), SENDER_FIELDS), '02:00:00:00:00:01 VLAN 0 tag 9');
  assert.equal(flowName(keyOf({}), SENDER_FIELDS), '02:00:00:00:00:01');
  assert.equal(flowName(keyOf({ sport: 7 }), ['src', 'sport']), 'port 7 10.9.0.1');
  assert.deepEqual(keyValues(keyOf({}), ['dst', 'dport']), { dst: '::', dport: 0 });
  assert.equal(flowName(keyOf({}), []), 'all');
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

const ONE = recordOf([1000, 1000, 2000]);
const OTHER = recordOf([500], keyOf({ vlan: 5 }));
const UNTIMED = (() => {
  const analysis = new FlowAnalysis(keyOf({ tag: 4 }));
  analysis.take({ seq: 1, sec: 0, nsec: 0, bytes: 60, atSec: SEC, atNsec: 0 });
  return analysis.record();
})();

test('the table', () => {
  const records = [ONE, OTHER, UNTIMED];
  const flows = records.map((record) => view(record));
  const text = sinkText(flows, TOTALS, { most: 2, sum: figuresOf(records) });
  assert.deepEqual(
    text.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['flow', 'packets', 'pps', 'bit/s', 'lost', 'reordered', 'duplicates', 'latency p50 / p99 / p99.9 / max'],
      ['02:00:00:00:00:01', '3', '100', '48.0 k', '2', '0', '0', '1 µs / 2 µs / 2 µs / 2 µs'],
      ['02:00:00:00:00:01 VLAN 5', '1', '100', '48.0 k', '0', '0', '0', '500 ns / 500 ns / 500 ns / 500 ns'],
      ['all 3 flows', '5', '300', '144 k', '2', '0', '0', '1 µs / 2 µs / 2 µs / 2 µs'],
      ['and 1 more flows'],
      ['besides: foreign 3'],
      [''],
    ],
  );
});

test('all flows together: sums, and the latencies of all packets', () => {
  const { packets, lost, durationNs, latency } = figuresOf([ONE, OTHER]);
  assert.deepEqual({ packets, lost, durationNs }, { packets: 4, lost: 2, durationNs: 20_001_500 });
  assert.ok(latency);
  assert.deepEqual([latency.packets, latency.min, latency.max, latency.mean], [4, 500, 2000, 1125]);
  assert.equal(figuresOf([]).latency, undefined);
});

test('as JSON lines', () => {
  const { kind, seconds, flow, fields, pps, lost, key, latency } = JSON.parse(
    jsonStream.flow('interval', 1.5, view(ONE)),
  );
  assert.deepEqual(
    { kind, seconds, flow, fields, pps, lost, key },
    {
      ...{ kind: 'interval', seconds: 1.5, flow: '02:00:00:00:00:01', fields: { mac: '02:00:00:00:00:01' } },
      ...{ pps: 100, lost: 2, key: undefined },
    },
  );
  assert.equal(latency.max, 2000);
  assert.deepEqual(JSON.parse(jsonStream.totals(2, TOTALS)), { kind: 'totals', seconds: 2, totals: TOTALS });
});

test('as comma-separated values: every line has the columns of the head', () => {
  const head = csvStream.head.trimEnd().split(',');
  const lines = [
    csvStream.flow('flow', 3, view(ONE)),
    csvStream.flow('flow', 3, view(UNTIMED)),
    csvStream.totals(3, TOTALS),
  ].map((line) => line.trimEnd().split(','));
  for (const line of lines) assert.equal(line.length, head.length);
  const cell = (line: number, name: string): string | undefined => lines[line]?.[head.indexOf(name)];
  assert.deepEqual(
    ['kind', 'packets', 'lost', 'latency_max_ns', 'foreign'].map((name) => cell(0, name)),
    ['flow', '3', '2', '2000', ''],
  );
  assert.equal(cell(1, 'latency_max_ns'), '');
  assert.deepEqual([cell(2, 'kind'), cell(2, 'foreign'), cell(2, 'packets')], ['totals', '3', '']);
});

test('the chart of latencies: all packets are in it, and no line is empty that has some', () => {
  const latencies = [...Array<number>(900).fill(1000), ...Array<number>(99).fill(5000), 3_000_000];
  const text = latencyChart(latencyCounts([recordOf(latencies.map((ns) => ns))]));
  const lines = text.trimEnd().split('\n').slice(1);
  assert.ok(lines.length <= 16, text);
  const counts = lines.map((line) => Number(line.split(/ +/).at(-1)?.replaceAll(',', '')));
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    1000,
  );
  for (const [i, line] of lines.entries()) assert.equal(/[█▏▎▍▌▋▊▉]/.test(line), (counts[i] ?? 0) > 0, line);
  assert.ok(lines[0]?.includes('█'.repeat(40)), text);
  assert.equal(latencyChart(latencyCounts([UNTIMED])), '');
  assert.equal(grouped(1234567), '1,234,567');
});
