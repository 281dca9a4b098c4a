import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fakeMachine } from '../../tests/support/fake-machine.ts';
import { STATE } from '../template/device-state.ts';
import { MODULE_PARAMS } from './pktgen.ts';

async function withDevices(...names: string[]) {
  const { pktgen, machine } = fakeMachine();
  for (const name of names) {
    await pktgen.write(`kpktgend_${name.split('@')[1] ?? 0}`, `add_device ${name}\n`, machine.root);
  }
  const write = (file: string, data: string): Promise<number> => pktgen.write(file, data, machine.root);
  machine.takeLog();
  return { pktgen, machine, write };
}

test('both files of a link follow its new name, and keep what stands behind the @', async () => {
  const { pktgen, machine } = await withDevices('pg0@0', 'pg0@1');
  const link = machine.findLink('pg0');
  assert.ok(link);
  pktgen.linkChanged({ ...link, name: 'pgX' });
  assert.deepEqual([...pktgen.list()].sort(), ['kpktgend_0', 'kpktgend_1', 'pgX@0', 'pgX@1', 'pgctrl']);
  assert.match(pktgen.read('pgX@1') ?? '', /ifname: pg0@1\n/);
  assert.match(pktgen.read('kpktgend_1') ?? '', /Stopped: pg0@1 \n/);
});

test('a link that goes takes its devices with it', async () => {
  const { pktgen, machine } = await withDevices('pg0@0', 'pg0@1', 'pg1');
  await pktgen.linkRemoved(machine.findLink('pg0')?.index ?? 0);
  assert.deepEqual([...pktgen.list()], ['pgctrl', 'kpktgend_0', 'kpktgend_1', 'pg1']);
});

test('a device that was removed and added again is another file', async () => {
  const { pktgen, write } = await withDevices('pg0');
  const before = pktgen.identity('pg0');
  await write('pgctrl', 'reset\n');
  assert.equal(pktgen.identity('pg0'), undefined);
  await write('kpktgend_0', 'add_device pg0\n');
  assert.notEqual(pktgen.identity('pg0'), before);
});

test('start waits for the runs, stop ends them, and a signal to the writer does too', async () => {
  const { pktgen, machine, write } = await withDevices('pg0');
  let ended = false;
  const started = write('pgctrl', 'start\n').then(() => {
    ended = true;
  });
  await new Promise(setImmediate);
  assert.match(pktgen.read('kpktgend_0') ?? '', /^Running: pg0 \n/);
  assert.match(pktgen.read('pg0') ?? '', /Result: Starting\n$/);
  assert.equal(ended, false);
  await write('pgctrl', 'stop\n');
  await started;
  assert.match(pktgen.read('pg0') ?? '', /Result: OK: \d+/);

  const signal = new AbortController();
  const again = pktgen.write('pgctrl', 'start\n', { capable: true, signal: signal.signal });
  await new Promise(setImmediate);
  signal.abort();
  assert.equal(await again, 6);
  assert.match(pktgen.read('kpktgend_0') ?? '', /^Running: \nStopped: pg0 \n/);
  assert.deepEqual(machine.takeLog(), []);
});

test('a start while the link is down ends at once with nothing sent', async () => {
  const { pktgen, machine, write } = await withDevices('pg0');
  machine.change('pg0', { carrier: false });
  assert.equal(await write('pgctrl', 'start\n'), 6);
  assert.match(pktgen.read('pg0') ?? '', /Result: OK: \d+\(c\d+\+d0\) usec, 0 \(58byte,-1frags\)\n {2}0pps/);
  assert.equal(machine.started.length, 0);
});

test('a link that goes down ends its runs', async () => {
  const { pktgen, machine, write } = await withDevices('pg0');
  const started = write('pgctrl', 'start\n');
  await new Promise(setImmediate);
  const link = machine.findLink('pg0');
  assert.ok(link);
  pktgen.linkChanged({ ...link, carrier: false });
  await started;
  assert.match(pktgen.read('pg0') ?? '', /Result: OK: /);
});

test('a device of a link with several queues asks for those that it is set to', async () => {
  const { machine, write } = await withDevices('pg0');
  machine.change('pg0', { txQueues: 4 });
  await write('pg0', 'queue_map_max 3\n');
  const started = write('pgctrl', 'start\n');
  await new Promise(setImmediate);
  await write('pgctrl', 'stop\n');
  await started;
  assert.deepEqual(machine.started[0]?.queues, { first: 0, last: 3 });
});

test('the parameters of the module are defaults of new devices', async () => {
  const { pktgen, machine } = fakeMachine({ ...MODULE_PARAMS, count: 77, delayNs: 5, cloneSkb: 3 });
  for (const name of ['pg0', 'dum0']) await pktgen.write('kpktgend_0', `add_device ${name}\n`, machine.root);
  assert.match(pktgen.read('pg0') ?? '', /^Params: count 77 .*\n.*delay: 5 {2}clone_skb: 0 /);
  assert.match(pktgen.read('dum0') ?? '', /clone_skb: 3 /);
});

test('a parameter written during a run goes to where the device runs', async () => {
  const { pktgen, write } = await withDevices('pg0');
  const started = write('pgctrl', 'start\n');
  await new Promise(setImmediate);
  await write('pg0', 'udp_dst_min 500\n');
  assert.equal(pktgen.device('pg0')?.state[STATE.curUdpDst], 500);
  await write('pgctrl', 'stop\n');
  await started;
});

describe('CPUs that go and come', () => {
  test('the thread of one that goes stays, its devices go on, and the log says so', async () => {
    const { pktgen, machine } = fakeMachine();
    await pktgen.write('kpktgend_1', 'add_device pg0\n', machine.root);
    const run = pktgen.write('pgctrl', 'start\n', machine.root);
    pktgen.cpusChanged([0]);
    assert.deepEqual(machine.takeLog(), [
      'pktgen: WARNING: kpktgend_1: CPU 1 is gone: its devices go on on other CPUs',
    ]);
    assert.equal(machine.entries.at(-1)?.thread, 'kpktgend_1');
    assert.match(pktgen.read('kpktgend_1') ?? '', /^Running: pg0 \n/);
    await pktgen.write('pgctrl', 'stop\n', machine.root);
    assert.equal(await run, 6);
  });

  test('when it is back so is the thread, once', () => {
    const { pktgen, machine } = fakeMachine();
    pktgen.cpusChanged([0]);
    pktgen.cpusChanged([0]);
    assert.deepEqual(machine.returned, []);
    pktgen.cpusChanged([0, 1]);
    pktgen.cpusChanged([0, 1]);
    assert.deepEqual(machine.returned, [1]);
    assert.equal(machine.takeLog().length, 2);
  });

  test('one that comes gets a thread, whose file takes devices', async () => {
    const { pktgen, machine } = fakeMachine();
    pktgen.cpusChanged([0, 1, 5]);
    assert.deepEqual(pktgen.list(), ['pgctrl', 'kpktgend_0', 'kpktgend_1', 'kpktgend_5']);
    assert.equal(await pktgen.write('kpktgend_5', 'add_device pg0\n', machine.root), 15);
    assert.equal(pktgen.device('pg0')?.cpu, 5);
  });
});

test('the log says what each line is about', async () => {
  const { pktgen, machine } = fakeMachine();
  await pktgen.write('kpktgend_0', 'add_device pg9\n', machine.root);
  await pktgen.write('kpktgend_1', 'add_device pg0\n', machine.root);
  const run = pktgen.write('pgctrl', 'start\n', machine.root);
  pktgen.onLog('ERROR: pg0: no room', 1);
  await pktgen.write('pgctrl', 'stop\n', machine.root);
  await run;
  const about = { thread: 'kpktgend_1', device: 'pg0' };
  assert.deepEqual(
    machine.entries.slice(1).map(({ message, ...entry }) => [message.slice(0, 19), entry]),
    [
      ['no such netdevice: ', { level: 'error', event: 'command', thread: 'kpktgend_0' }],
      ['ERROR: pg0: no room', { level: 'error', event: 'thread', ...about }],
      ['pg0: OK: 0(c0+d0) u', { level: 'info', event: 'result', ...about }],
    ],
  );
});
