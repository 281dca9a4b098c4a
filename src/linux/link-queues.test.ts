import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { linkQueues, parseCpuMask } from './link-queues.ts';

for (const [mask, cpus] of [
  ['0', []],
  ['3', [0, 1]],
  ['80000000', [31]],
  ['00000001,00000000\n', [32]],
  ['2,00000000,80000001', [0, 31, 65]],
  ['', []],
] as const) {
  test(`the mask ${JSON.stringify(mask)}`, () => assert.deepEqual(parseCpuMask(mask), cpus));
}

test('a network card with two queues on the second node', () => {
  const root = mkdtempSync(join(tmpdir(), 'pktgen-queues-'));
  const card = 'sys/class/net/eth1';
  const files: Readonly<Record<string, string>> = {
    [`${card}/queues/tx-0/xps_cpus`]: '10\n',
    [`${card}/queues/tx-1/xps_cpus`]: '20\n',
    [`${card}/queues/rx-0/rps_cpus`]: '0\n',
    [`${card}/device/numa_node`]: '1\n',
    [`${card}/device/msi_irqs/101`]: 'msix\n',
    [`${card}/device/msi_irqs/99`]: 'msix\n',
    [`${card}/device/msi_irqs/102`]: 'msix\n',
    'proc/irq/99/smp_affinity_list': '4\n',
    'proc/irq/99/eth1-TxRx-0/x': '',
    'proc/irq/101/smp_affinity_list': '4-7\n',
    'proc/irq/101/eth1-TxRx-1/x': '',
    'proc/irq/102/smp_affinity_list': '0-7\n',
    'sys/devices/system/node/node0/cpulist': '0-3\n',
    'sys/devices/system/node/node1/cpulist': '4-7\n',
  };
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    assert.deepEqual(linkQueues('eth1', root), {
      xps: [[4], [5]],
      irqs: [
        { irq: 99, name: 'eth1-TxRx-0', cpus: [4] },
        { irq: 101, name: 'eth1-TxRx-1', cpus: [4, 5, 6, 7] },
      ],
      node: { id: 1, cpus: [4, 5, 6, 7] },
    });
    assert.deepEqual(linkQueues('eth9', root), { xps: [], irqs: [] });
  } finally {
    rmSync(root, { recursive: true });
  }
});
