import { STATE } from '../template/device-state.ts';
import type { QueueRange, StatePatch } from './engine.ts';
import { FLAG } from './flags.ts';
import type { Link } from './link.ts';
import type { DeviceConfig } from './params.ts';

/** The transmit queue of a CPU (QUEUE_MAP_CPU): its number, as far as the link has queues. */
export const queueOfCpu = (cpu: number, { txQueues }: Pick<Link, 'txQueues'>): number => cpu % Math.max(txQueues, 1);

/** The queue of the first packet; none where queues walk on from where they were (set_cur_queue_map). */
export function firstQueue(config: DeviceConfig, link: Link, cpu: number): StatePatch[] {
  if (config.flag & FLAG.QUEUE_MAP_CPU) return [[STATE.curQueueMap, queueOfCpu(cpu, link)]];
  return config.queue_map_min === config.queue_map_max ? [[STATE.curQueueMap, config.queue_map_min]] : [];
}

/**
 * Which of its link's transmit queues a device asks for; undefined when it does not care: nothing is set, or there is
 * just one. `current`: its cur_queue_map, which stays where min is above max.
 */
export function queuesOf(config: DeviceConfig, link: Link, cpu: number, current: number): QueueRange | undefined {
  const { queue_map_min: min, queue_map_max: max, flag } = config;
  if (link.txQueues <= 1) return undefined;
  if (flag & FLAG.QUEUE_MAP_CPU) return { first: queueOfCpu(cpu, link), last: queueOfCpu(cpu, link) };
  if (min > max) return { first: current, last: current };
  return max === 0 && (flag & FLAG.QUEUE_MAP_RND) === 0 ? undefined : { first: min, last: max };
}
