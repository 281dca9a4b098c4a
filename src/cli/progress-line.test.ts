import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grouped } from './figures-text.ts';
import { duration, progressLine, short } from './progress-line.ts';

test('numbers are short and have their unit', () => {
  const cases: [number, string][] = [
    [0, '0 pps'],
    [999, '999 pps'],
    [1520, '1.52 kpps'],
    [15_200_000, '15.2 Mpps'],
    [152_000_000, '152 Mpps'],
    [2e9, '2.00 Gpps'],
  ];
  for (const [value, text] of cases) assert.equal(short(value, 'pps'), text);
});

test('durations and large numbers read well', () => {
  assert.equal(duration(3.4), '3 s');
  assert.equal(duration(125), '2 min 05 s');
  assert.equal(duration(4200), '1 h 10 min');
  assert.equal(grouped(1234567), '1,234,567');
});

test('the line tells rate, share and time left', () => {
  const last = { packets: 0, bytes: 0, count: 4000, elapsedMs: 0 };
  const line = progressLine({ packets: 1000, bytes: 60_000, count: 4000, elapsedMs: 500 }, last);
  assert.equal(line, '2.00 kpps · 960 kbit/s · 1,000 of 4,000 · 25.0 % · 2 s left');
});

test('a run without end tells how to end it', () => {
  const last = { packets: 0, bytes: 0, count: 0, elapsedMs: 0 };
  const line = progressLine({ packets: 500, bytes: 30_000, count: 0, elapsedMs: 1000 }, last);
  assert.equal(line, '500 pps · 240 kbit/s · 500 packets in 1 s · ^C ends');
});
