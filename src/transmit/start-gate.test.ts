import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newStartGate, StartGate } from './start-gate.ts';

test('a thread that is alone at the gate begins shortly after it is ready', () => {
  const gate = new StartGate(newStartGate(1), () => 5e9);
  const time = gate.arrive();
  assert.ok(time > 5e9 && time < 5.1e9, String(time));
});

test('the last to be ready sets the time for all', () => {
  const memory = newStartGate(2);
  // Nobody waits for the first: its wait is over before it began.
  new Int32Array(memory)[1] = 1;
  new StartGate(memory, () => 1e9).arrive();
  assert.equal(new StartGate(memory, () => 2e9).arrive(), 2e9 + 10e6);
  assert.equal(new Float64Array(memory, 8, 1)[0], 2e9 + 10e6);
});

test('one that never comes is not waited for without end', () => {
  const begun = performance.now();
  const time = new StartGate(newStartGate(2), () => 3e9).arrive();
  assert.equal(time, 3e9 + 10e6);
  assert.ok(performance.now() - begun < 5000);
});

test('waits for the time', () => {
  const now = (): number => performance.now() * 1e6;
  const time = now() + 3e6;
  new StartGate(newStartGate(1), now).waitUntil(time);
  assert.ok(now() >= time);
});
