import { monotonicNs } from '../src/linux/clock.ts';
import { allowedCpus, pinThread, runOn } from '../src/linux/sched.ts';

const LOOK_NS = 2e9;
/** A longer time between two looks at the clock is a stall: something else had the CPU. */
const STALL_NS = 2000;
/** Stalls that are kept; more do not fit into the time. */
const MOST_STALLS = 1_000_000;

/**
 * How much of the gaps of a paced run the machine itself disturbs, %: a loop that only looks at the clock on this CPU is
 * stalled now and then, by ticks, by the host of a virtual machine. Each stall disturbs the gap it falls into, and those
 * whose departures it covers.
 */
export function disturbedShare(cpu: number, gapNs: number): number {
  const before = allowedCpus();
  pinThread(cpu);
  try {
    const stalls = new Float64Array(MOST_STALLS);
    let count = 0;
    const begun = monotonicNs();
    let last = begun;
    for (let now = begun; now - begun < LOOK_NS; now = monotonicNs()) {
      if (now - last > STALL_NS && count < MOST_STALLS) stalls[count++] = now - last;
      last = now;
    }
    const disturbed = stalls.subarray(0, count).reduce((sum, stall) => sum + Math.floor(stall / gapNs) + 1, 0);
    return (100 * disturbed * gapNs) / LOOK_NS;
  } finally {
    runOn(before);
  }
}
