import { check, declare } from './libc.ts';

const cClockGettime = declare('int clock_gettime(int clock, _Out_ void *time)');
const CLOCK_REALTIME = 0;
const time = new BigInt64Array(2);

/** The wall clock in ns since 1970, as a number: exact to 256 ns. */
export function realtimeNs(): number {
  check(cClockGettime(CLOCK_REALTIME, time), 'clock_gettime');
  return Number(time[0]) * 1e9 + Number(time[1]);
}

/** CLOCK_MONOTONIC, exactly. */
const exactNs = (): number => Number(process.hrtime.bigint());

/**
 * What performance.now() of this thread is away from CLOCK_MONOTONIC, ns; the same for the life of the thread. The first
 * calls of both take up to a millisecond, so the closest of some pairs counts.
 */
const offset = Array.from({ length: 8 }, () => {
  const before = exactNs();
  const elapsed = performance.now() * 1e6;
  const after = exactNs();
  return { gap: after - before, offset: (before + after) / 2 - elapsed };
}).reduce((best, next) => (next.gap < best.gap ? next : best)).offset;

/** CLOCK_MONOTONIC in ns as a number (ktime_get): exact for 104 days of uptime, and free of BigInt. */
export const monotonicNs = (): number => performance.now() * 1e6 + offset;
