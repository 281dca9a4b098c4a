import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeMachine } from '../support/fake-machine.ts';
import { resultOf } from '../support/golden.ts';

/** Where we follow kernels from 6.15 on instead of the recorded 6.1; the rows of docs/kernel-differences.md. */
async function device() {
  const { pktgen, machine } = fakeMachine();
  await pktgen.write('kpktgend_0', 'add_device pg0\n', machine.root);
  const write = (data: string, file = 'pg0'): Promise<number> => pktgen.write(file, data, machine.root);
  return { pktgen, machine, write, result: () => resultOf(pktgen.read('pg0'))?.trimEnd() };
}

test('name=value and name = value are taken', async () => {
  const { write, result } = await device();
  const cases: [string, string][] = [
    ['count=13\n', 'OK: count=13'],
    ['count = 14\n', 'OK: count=14'],
    ['count==15\n', 'OK: count=15'],
    ['count= 16', 'OK: count=16'],
    ['dst=10.0.0.1\n', 'OK: dst_min=10.0.0.1'],
    ['flag=UDPDST_RND\n', 'OK: flags=0x20'],
    ['dst_mac=02:00:00:00:00:06\n', 'OK: dstmac 02:00:00:00:00:06'],
  ];
  for (const [line, text] of cases) {
    assert.equal(await write(line), line.length, line);
    assert.equal(result(), text, line);
  }
});

test('a rate of nothing fails with EINVAL and changes nothing', async () => {
  const { pktgen, write } = await device();
  await write('delay 7\n');
  const before = pktgen.read('pg0');
  for (const line of ['rate 0\n', 'rate\n', 'rate abc\n', 'ratep 0\n', 'ratep 000\n', 'ratep \n']) {
    assert.equal(await write(line), -22, line);
    assert.equal(pktgen.read('pg0'), before, line);
  }
});

test('a 21st imix pair fails with E2BIG', async () => {
  const { write } = await device();
  const pairs = (n: number): string => Array.from({ length: n }, (_, i) => `${60 + i},1`).join(' ');
  assert.equal(await write(`imix_weights ${pairs(20)}\n`), `imix_weights ${pairs(20)}\n`.length);
  assert.equal(await write(`imix_weights ${pairs(21)}\n`), -7);
});

test('pgctrl takes a command with a newline, with a NUL and with neither, and nothing else', async () => {
  const { write } = await device();
  for (const command of ['stop\n', 'stop\0', 'stop', 'reset\n', 'reset\0', 'reset', 'start\n', 'start\0', 'start']) {
    assert.equal(await write(command, 'pgctrl'), command.length, JSON.stringify(command));
  }
  for (const command of ['startX', 'stop!', 'start\n\0', `stop\0${'x'.repeat(300)}`]) {
    assert.equal(await write(command, 'pgctrl'), -22, JSON.stringify(command));
  }
});

test('clone_skb and burst that a link cannot do fail with EOPNOTSUPP, not with the kernel-internal 524', async () => {
  const { write } = await device();
  assert.equal(await write('clone_skb 1\n'), -95);
  assert.equal(await write('burst 2\n'), -95);
});
