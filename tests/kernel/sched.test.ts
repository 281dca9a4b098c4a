import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { hasCapability } from '../../src/linux/capabilities.ts';
import { monotonicNs, realtimeNs } from '../../src/linux/clock.ts';
import { nodePossible } from '../../src/linux/numa.ts';
import { allowedCpus, onlineCpus, parseCpuList } from '../../src/linux/sched.ts';

describe('CPUs', () => {
  const lists: readonly (readonly [text: string, cpus: readonly number[]])[] = [
    ['0\n', [0]],
    ['0-3\n', [0, 1, 2, 3]],
    ['0-1,4,6-7\n', [0, 1, 4, 6, 7]],
    ['\n', []],
  ];
  for (const [text, cpus] of lists) {
    test(`the list ${JSON.stringify(text)}`, () => assert.deepEqual(parseCpuList(text), cpus));
  }

  test('those allowed are online', () => {
    const online = onlineCpus();
    assert.ok(allowedCpus().length > 0);
    assert.deepEqual(
      allowedCpus().filter((cpu) => !online.includes(cpu)),
      [],
    );
  });
});

/** Pins, names and tunes a worker's thread, and gives what the kernel says of it. */
async function threadStatus(cpu: number): Promise<{ status: string; slack: string }> {
  const sched = new URL('../../src/linux/sched.js', import.meta.url).href;
  const code = `
    import { readFileSync, readlinkSync } from 'node:fs';
    import { parentPort } from 'node:worker_threads';
    import { pinThread, setThreadName, setTimerSlack } from ${JSON.stringify(sched)};
    pinThread(${cpu});
    setThreadName('kpktgend_${cpu}_and_more');
    setTimerSlack(1234);
    parentPort.postMessage({
      status: readFileSync('/proc/thread-self/status', 'latin1'),
      slack: readFileSync('/proc/' + readlinkSync('/proc/thread-self').split('/').pop() + '/timerslack_ns', 'latin1').trim(),
    });`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

describe('a thread', () => {
  for (const cpu of allowedCpus()) {
    test(`runs on CPU ${cpu} alone, with a name and a timer slack of its own`, async () => {
      const { status, slack } = await threadStatus(cpu);
      assert.match(status, new RegExp(`^Cpus_allowed_list:\\t${cpu}$`, 'm'));
      assert.match(status, new RegExp(`^Name:\\tkpktgend_${cpu}_and_$`, 'm'));
      assert.equal(slack, '1234');
      // The main thread keeps its own.
      assert.deepEqual(allowedCpus(), parseCpuList(/^Cpus_allowed_list:\s*(.*)$/m.exec(own())?.[1] ?? ''));
      assert.doesNotMatch(own(), /^Name:\tkpktgend/m);
    });
  }

  test('cannot run on a CPU that there is not', async () => {
    await assert.rejects(threadStatus(8000), { message: 'sched_setaffinity CPU 8000: EINVAL' });
  });
});

const own = (): string => readFileSync('/proc/thread-self/status', 'latin1');

describe('clocks', () => {
  test('the wall clock is the one of the system', () => {
    const [before, ns, after] = [Date.now(), realtimeNs(), Date.now()];
    assert.ok(ns / 1e6 >= before && ns / 1e6 < after + 1, `${before} ${ns} ${after}`);
  });

  test('the monotonic clock is CLOCK_MONOTONIC, and never goes back', () => {
    const exact = (): number => Number(process.hrtime.bigint());
    const [before, ns, after] = [exact(), monotonicNs(), exact()];
    // Where the offset between the two was measured, a microsecond may have gone by.
    assert.ok(ns >= before - 5000 && ns <= after + 5000, `${before} ${ns} ${after}`);
    for (let n = 0, last = 0; n < 100_000; n++) {
      const now = monotonicNs();
      assert.ok(now >= last);
      last = now;
    }
  });
});

test('NUMA nodes: 0 is possible, 4 digits are not', () => {
  assert.deepEqual([nodePossible(0), nodePossible(4096), nodePossible(-1)], [true, false, false]);
});

test('capabilities are those of /proc/self/status', () => {
  const all = /^CapEff:\s*0000?[13]?f{8,}$/m.test(own());
  if (all) assert.equal(hasCapability('CAP_NET_RAW') && hasCapability('CAP_BPF'), true);
  const none = /^CapEff:\s*0+$/m.test(own());
  if (none) assert.equal(hasCapability('CAP_NET_RAW') || hasCapability('CAP_SYS_ADMIN'), false);
  assert.ok(all || none || process.geteuid?.() === 0 || !hasCapability('CAP_SYS_ADMIN'));
});
