import { readFileSync } from 'node:fs';
import { parseCpuList } from './sched.ts';

/** NUMA nodes that can be on this machine; a kernel without NUMA has node 0. */
function possibleNodes(): number[] {
  try {
    return parseCpuList(readFileSync('/sys/devices/system/node/possible', 'latin1'));
  } catch {
    return [0];
  }
}

/** node_possible() of the kernel. */
export const nodePossible = (node: number): boolean => possibleNodes().includes(node);
