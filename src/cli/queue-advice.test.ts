import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type QueueFacts, queueAdvice } from './queue-advice.ts';

const irq = (n: number, ...cpus: number[]) => ({ irq: 90 + n, name: `eth1-TxRx-${n}`, cpus });
/** Two queues, two CPUs, each has its own. */
const SETTLED: QueueFacts = {
  ...{ link: 'eth1', txQueues: 2, cpus: [0, 1] },
  ...{ xps: [[0], [1]], irqs: [irq(0, 0), irq(1, 1)] },
};

/** [what, facts, lines]. */
const CASES: readonly (readonly [what: string, facts: QueueFacts, lines: readonly string[]])[] = [
  ['all is well', SETTLED, []],
  ['a veth with a queue for its thread', { ...SETTLED, txQueues: 1, cpus: [0], xps: [[]], irqs: [] }, []],
  [
    'more threads than queues',
    { ...SETTLED, txQueues: 1, cpus: [0, 1, 2, 3], xps: [[]], irqs: [] },
    [
      'one transmit queue for 4 threads: those that share one wait for each other; use 1 of them (-t 1), or add queues where ' +
        'the driver has more: ethtool -L eth1 combined 4',
    ],
  ],
  [
    'no XPS',
    { ...SETTLED, xps: [[], []] },
    [
      'XPS is not set: the ring sends to queues by a hash, and threads meet there; a queue for each CPU:',
      '  echo 1 > /sys/class/net/eth1/queues/tx-0/xps_cpus',
      '  echo 2 > /sys/class/net/eth1/queues/tx-1/xps_cpus',
    ],
  ],
  ['threads that share a queue', { ...SETTLED, xps: [[0, 1], []] }, ['XPS: threads on CPUs 0-1 share queue 0']],
  [
    'interrupts anywhere',
    { ...SETTLED, irqs: [irq(0, 0, 1), irq(1, 0, 1)] },
    [
      'its interrupts may run on several CPUs each; one on each CPU, so that who sends cleans up too (not with irqbalance):',
      '  echo 0 > /proc/irq/90/smp_affinity_list  # eth1-TxRx-0',
      '  echo 1 > /proc/irq/91/smp_affinity_list  # eth1-TxRx-1',
    ],
  ],
  [
    'all interrupts on one CPU',
    { ...SETTLED, irqs: [irq(0, 0), irq(1, 0)] },
    [
      'its 2 interrupts run on CPU 0 only; one on each CPU (not with irqbalance):',
      '  echo 0 > /proc/irq/90/smp_affinity_list  # eth1-TxRx-0',
      '  echo 1 > /proc/irq/91/smp_affinity_list  # eth1-TxRx-1',
    ],
  ],
  [
    'a card on the second node',
    { ...SETTLED, cpus: [0, 1, 40, 41], txQueues: 4, node: { id: 1, cpus: [40, 41] }, xps: [[], [], [], []], irqs: [] },
    [
      'NUMA node 1: send from its CPUs: --cpus 40-41',
      'XPS is not set: the ring sends to queues by a hash, and threads meet there; a queue for each CPU:',
      '  echo 100,00000000 > /sys/class/net/eth1/queues/tx-0/xps_cpus',
      '  echo 200,00000000 > /sys/class/net/eth1/queues/tx-1/xps_cpus',
    ],
  ],
  [
    'a node without threads',
    { ...SETTLED, node: { id: 1, cpus: [4, 5] } },
    ['NUMA node 1: none of the threads is on one of its CPUs, 4-5'],
  ],
];
for (const [what, facts, lines] of CASES) test(what, () => assert.deepEqual(queueAdvice(facts), lines));
