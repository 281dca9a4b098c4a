import type { LinkQueues } from '../linux/link-queues.ts';
import { cpuListText } from './cpu-list.ts';

/** What the advice goes by. */
export interface QueueFacts extends LinkQueues {
  readonly link: string;
  readonly txQueues: number;
  /** CPUs that have a thread. */
  readonly cpus: readonly number[];
}

/** The CPUs to send from: those of the card's node, where some of them have a thread. */
function near({ node, cpus }: QueueFacts): readonly number[] {
  const there = cpus.filter((cpu) => node?.cpus.includes(cpu));
  return there.length > 0 ? there : cpus;
}

/**
 * How threads, transmit queues and interrupts of a link lie to each other, and what would let them run side by side: a
 * queue for each CPU that sends, and its interrupt on that CPU. A line for each point; commands are for a shell of root.
 */
export function queueAdvice(facts: QueueFacts): string[] {
  return [...threadAdvice(facts), ...nodeAdvice(facts), ...xpsAdvice(facts), ...irqAdvice(facts)];
}

function threadAdvice({ link, txQueues, cpus }: QueueFacts): string[] {
  if (txQueues >= cpus.length) return [];
  const queues = txQueues === 1 ? 'one transmit queue' : `${txQueues} transmit queues`;
  return [
    `${queues} for ${cpus.length} threads: those that share one wait for each other; use ${txQueues} of them (-t ${txQueues}), ` +
      `or add queues where the driver has more: ethtool -L ${link} combined ${cpus.length}`,
  ];
}

function nodeAdvice({ node, cpus }: QueueFacts): string[] {
  if (!node) return [];
  const there = cpus.filter((cpu) => node.cpus.includes(cpu));
  if (there.length === cpus.length) return [];
  return there.length === 0
    ? [`NUMA node ${node.id}: none of the threads is on one of its CPUs, ${cpuListText(node.cpus)}`]
    : [`NUMA node ${node.id}: send from its CPUs: --cpus ${cpuListText(there)}`];
}

/** Live frames go to the queue that the driver has for their CPU; packets of the ring to the one that XPS gives it. */
function xpsAdvice(facts: QueueFacts): string[] {
  const { link, txQueues, xps } = facts;
  if (txQueues < 2 || xps.length === 0) return [];
  const cpus = near(facts).slice(0, txQueues);
  if (xps.every((queue) => queue.length === 0)) {
    return [
      'XPS is not set: the ring sends to queues by a hash, and threads meet there; a queue for each CPU:',
      ...cpus.map((cpu, queue) => `  echo ${mask(cpu)} > /sys/class/net/${link}/queues/tx-${queue}/xps_cpus`),
    ];
  }
  return xps.flatMap((queue, i) => {
    const together = queue.filter((cpu) => cpus.includes(cpu));
    return together.length > 1 ? [`XPS: threads on CPUs ${cpuListText(together)} share queue ${i}`] : [];
  });
}

function irqAdvice(facts: QueueFacts): string[] {
  const { irqs } = facts;
  const cpus = near(facts);
  const isSettled = irqs.every(({ cpus: [only, ...more] }) => only !== undefined && more.length === 0);
  const used = new Set(irqs.flatMap((irq) => irq.cpus));
  const spread = Math.min(irqs.length, cpus.length);
  if (irqs.length < 2 || (isSettled && used.size >= spread)) return [];
  return [
    isSettled
      ? `its ${irqs.length} interrupts run on CPU ${cpuListText([...used].sort((a, b) => a - b))} only; one on each CPU (not with irqbalance):`
      : 'its interrupts may run on several CPUs each; one on each CPU, so that who sends cleans up too (not with irqbalance):',
    ...irqs.map(
      ({ irq, name }, i) => `  echo ${cpus[i % cpus.length]} > /proc/irq/${irq}/smp_affinity_list  # ${name}`,
    ),
  ];
}

/** A mask with one CPU, in the kernel's groups of 32. */
function mask(cpu: number): string {
  const lower = ',00000000'.repeat(Math.floor(cpu / 32));
  return `${((1 << (cpu % 32)) >>> 0).toString(16)}${lower}`;
}
