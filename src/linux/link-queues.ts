import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCpuList } from './sched.ts';

/** An interrupt of a link's device. */
export interface LinkIrq {
  readonly irq: number;
  /** What its driver calls it: `eth1-TxRx-0`. */
  readonly name: string;
  /** CPUs that it may run on. */
  readonly cpus: readonly number[];
}

/** Which CPUs a link's queues and interrupts go to. */
export interface LinkQueues {
  /** CPUs of each transmit queue as XPS has them, in the order of the queues; none: it is not set. */
  readonly xps: readonly (readonly number[])[];
  /** In ascending order; a link without hardware has none. */
  readonly irqs: readonly LinkIrq[];
  /** NUMA node of the hardware and its CPUs; undefined where there is only one, or no hardware. */
  readonly node?: { readonly id: number; readonly cpus: readonly number[] };
}

/** Reads a mask of the kernel's: 32 CPUs in each group of hex digits, the highest first. */
export const parseCpuMask = (text: string): number[] =>
  text
    .trim()
    .split(',')
    .reverse()
    .flatMap((group, i) => {
      const bits = Number.parseInt(group, 16) || 0;
      return Array.from({ length: 32 }, (_, bit) => 32 * i + bit).filter((cpu) => ((bits >>> (cpu & 31)) & 1) === 1);
    });

/** Looks at a link of the network namespace that /sys is of. `root`: another one than `/`, for tests. */
export function linkQueues(link: string, root = '/'): LinkQueues {
  const read = (path: string): string => {
    try {
      return readFileSync(join(root, path), 'utf8').trim();
    } catch {
      return '';
    }
  };
  const list = (path: string): string[] => {
    try {
      return readdirSync(join(root, path));
    } catch {
      return [];
    }
  };
  const at = `sys/class/net/${link}`;
  const numbers = (names: readonly string[]): number[] => names.map(Number).sort((a, b) => a - b);
  const queues = numbers(list(`${at}/queues`).flatMap((name) => /^tx-(\d+)$/.exec(name)?.[1] ?? []));
  const node = Number(read(`${at}/device/numa_node`) || -1);
  const several = list('sys/devices/system/node').filter((name) => /^node\d+$/.test(name)).length > 1;
  return {
    xps: queues.map((queue) => parseCpuMask(read(`${at}/queues/tx-${queue}/xps_cpus`))),
    irqs: numbers(list(`${at}/device/msi_irqs`)).flatMap((irq) => {
      // One that the driver does not use has no action, and no directory of its name.
      const name = list(`proc/irq/${irq}`).find((entry) => !IRQ_FILES.has(entry));
      return name === undefined ? [] : [{ irq, name, cpus: parseCpuList(read(`proc/irq/${irq}/smp_affinity_list`)) }];
    }),
    ...(node >= 0 &&
      several && { node: { id: node, cpus: parseCpuList(read(`sys/devices/system/node/node${node}/cpulist`)) } }),
  };
}

/** What every interrupt has in /proc/irq, besides a directory with the name of its action. */
const IRQ_FILES: ReadonlySet<string> = new Set([
  'affinity_hint',
  'effective_affinity',
  'effective_affinity_list',
  'node',
  'smp_affinity',
  'smp_affinity_list',
  'spurious',
]);
