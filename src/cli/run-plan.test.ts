import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planDevices, sampleLines } from './run-plan.ts';
import { UsageError } from './usage-error.ts';

const ETH0 = { name: 'eth0', txQueues: 1 };

test('the letters of the sample scripts become lines', () => {
  const cases: [Parameters<typeof sampleLines>[0], string[]][] = [
    [{}, []],
    [{ number: '5', size: '64' }, ['count 5', 'pkt_size 64']],
    [{ dest: '10.0.0.1' }, ['dst_min 10.0.0.1', 'dst_max 10.0.0.1']],
    [{ dest: '198.18.7.1/15' }, ['dst_min 198.18.0.0', 'dst_max 198.19.255.255']],
    [{ dest: '10.0.0.0/0' }, ['dst_min 0.0.0.0', 'dst_max 255.255.255.255']],
    [{ dest: 'fd00::1', ipv6: true }, ['dst6 fd00::1']],
    [{ port: '433' }, ['udp_dst_min 433', 'udp_dst_max 433']],
    [{ port: '433-444' }, ['udp_dst_min 433', 'udp_dst_max 444']],
    [{ checksum: true, wait: '1000' }, ['delay 1000', 'flag UDPCSUM']],
  ];
  for (const [options, lines] of cases) assert.deepEqual(sampleLines(options), lines);
});

test('a value that makes no sense is named, with what is allowed', () => {
  const cases: [Parameters<typeof sampleLines>[0], RegExp][] = [
    [{ number: 'x' }, /-n "x": wants a number/],
    [{ size: '0' }, /-s "0": wants a number from 1/],
    [{ mac: 'aa:bb' }, /-m "aa:bb": wants a MAC address/],
    [{ dest: '10.0.0' }, /-d "10.0.0": wants an IPv4 address/],
    [{ dest: '10.0.0.1/33' }, /prefix length "33": wants a number from 0 to 32/],
    [{ ipv6: true }, /-6: wants an IPv6 destination/],
    [{ port: '1-2-3' }, /wants a port or a range/],
    [{ port: '5-4' }, /the last port is below/],
    [{ port: '70000' }, /-p "70000": wants a number from 0 to 65535/],
  ];
  for (const [options, message] of cases) {
    assert.throws(
      () => sampleLines(options),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

test('several threads get a device each', () => {
  const devices = planDevices(ETH0, { threads: '2', first: '1' }, [], ['count 5'], [0, 1, 2]);
  assert.deepEqual(
    devices.map(({ cpu, name }) => [cpu, name]),
    [
      [1, 'eth0@1'],
      [2, 'eth0@2'],
    ],
  );
  assert.throws(
    () => planDevices(ETH0, { threads: '2', first: '2' }, [], [], [0, 1, 2]),
    /there are only CPUs 0, 1, 2/,
  );
});

test('several threads have a transmit queue each, as far as there are so many', () => {
  const queues = (txQueues: number, ...params: string[]): string[] =>
    planDevices(
      { name: 'eth0', txQueues },
      { threads: '3' },
      params.map((line) => ({ name: line.split(' ')[0] ?? '', line })),
      [],
      [0, 1, 4],
    ).map(({ lines }) => lines.join(', '));
  assert.deepEqual(
    queues(8),
    [0, 1, 4].map((queue) => `queue_map_min ${queue}, queue_map_max ${queue}`),
  );
  assert.deepEqual(
    queues(2),
    [0, 1, 0].map((queue) => `queue_map_min ${queue}, queue_map_max ${queue}`),
  );
  assert.deepEqual(queues(1), ['', '', '']);
  assert.deepEqual(queues(8, 'queue_map_max 7'), Array(3).fill('queue_map_max 7'));
});

test('a rate is written after the packet size that it goes by', () => {
  const lines = (params: string[]): readonly string[] =>
    planDevices(
      ETH0,
      {},
      params.map((line) => ({ name: line.split(' ')[0] ?? '', line })),
      [],
      [0],
    )[0]?.lines ?? [];
  assert.deepEqual(lines(['rate 100', 'pkt_size 1000']), ['pkt_size 1000', 'rate 100']);
  assert.deepEqual(lines(['rate 100', 'count 5']), ['pkt_size 60', 'count 5', 'rate 100']);
  assert.deepEqual(lines(['ratep 100']), ['ratep 100']);
});
