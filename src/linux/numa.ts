import { readdirSync, readFileSync } from 'node:fs';
import { check, declare } from './libc.ts';
import { parseCpuList } from './sched.ts';

const cSetMempolicy = declare('long syscall(long number, int mode, const void *nodes, unsigned long maxNode)');

const NODES = '/sys/devices/system/node';
/** set_mempolicy(2); arm64 and riscv64 number it 237. */
const SYS_SET_MEMPOLICY = process.arch === 'x64' ? 238 : 237;
/** Modes of linux/mempolicy.h. */
const MPOL = { DEFAULT: 0, PREFERRED: 1 } as const;
/** Nodes that a mask has bits for. */
const MASK_BITS = 1024;

/** NUMA nodes that can be on this machine; a kernel without NUMA has node 0. */
function possibleNodes(): number[] {
  try {
    return parseCpuList(readFileSync(`${NODES}/possible`, 'latin1'));
  } catch {
    return [0];
  }
}

/** node_possible() of the kernel. */
export const nodePossible = (node: number): boolean => possibleNodes().includes(node);

/** The NUMA node that a CPU belongs to (cpu_to_node); 0 where the kernel knows of none. */
export function nodeOfCpu(cpu: number): number {
  try {
    for (const name of readdirSync(NODES)) {
      const node = /^node(\d+)$/.exec(name)?.[1];
      if (node === undefined) continue;
      if (parseCpuList(readFileSync(`${NODES}/${name}/cpulist`, 'latin1')).includes(cpu)) return Number(node);
    }
  } catch {
    // A kernel without NUMA.
  }
  return 0;
}

/**
 * Does something whose memory comes from a NUMA node as far as there is some: pages that this thread touches first, and
 * those that the kernel takes for it meanwhile, such as a packet socket's ring. Must not await.
 */
export function onNode<T>(node: number, act: () => T): T {
  setPolicy(MPOL.PREFERRED, node);
  try {
    return act();
  } finally {
    setPolicy(MPOL.DEFAULT);
  }
}

function setPolicy(mode: number, node?: number): void {
  const mask = node === undefined ? null : Buffer.alloc(MASK_BITS / 8);
  if (mask && node !== undefined) mask[node >> 3] = 1 << (node & 7);
  // The kernel takes one bit less than it is told (get_nodes).
  const returned = Number(cSetMempolicy(SYS_SET_MEMPOLICY, mode, mask, mask ? MASK_BITS + 1 : 0));
  check(returned, 'set_mempolicy', node === undefined ? 'MPOL_DEFAULT' : `NUMA node ${node}`);
}

/** On which nodes the pages of a mapping of this process lie, and how many of them (/proc/self/numa_maps). */
export function nodesOf({ address }: { readonly address: bigint }): Map<number, number> {
  const start = address.toString(16);
  const line = readFileSync('/proc/self/numa_maps', 'latin1')
    .split('\n')
    .find((one) => one.startsWith(`${start} `));
  const counts = [...(line ?? '').matchAll(/ N(\d+)=(\d+)/g)];
  return new Map(counts.map(([, node, pages]) => [Number(node), Number(pages)]));
}
