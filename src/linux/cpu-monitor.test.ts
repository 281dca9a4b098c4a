import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuMonitor } from './cpu-monitor.ts';

test('tells when other CPUs are there, and only then', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let cpus = [0, 1];
  const told: (readonly number[])[] = [];
  const monitor = new CpuMonitor(
    (now) => told.push(now),
    () => cpus,
  );
  t.mock.timers.tick(3000);
  assert.deepEqual(told, []);
  cpus = [0];
  t.mock.timers.tick(3000);
  cpus = [0, 1];
  t.mock.timers.tick(3000);
  assert.deepEqual(told, [[0], [0, 1]]);
  monitor[Symbol.dispose]();
  cpus = [];
  t.mock.timers.tick(3000);
  assert.equal(told.length, 2);
});
