import { check, declare } from './libc.ts';

const cClockGettime = declare('int clock_gettime(int clock, _Out_ void *time)');
const CLOCK_REALTIME = 0;
const time = new BigInt64Array(2);

/** The wall clock in ns since 1970, as a number: exact to 256 ns. */
export function realtimeNs(): number {
  check(cClockGettime(CLOCK_REALTIME, time), 'clock_gettime');
  return Number(time[0]) * 1e9 + Number(time[1]);
}

/** What the wall clock is ahead of CLOCK_MONOTONIC: whole seconds, and ns. */
export interface WallOffset {
  readonly sec: number;
  readonly nsec: number;
}

const SECOND = 1_000_000_000n;
/** Pairs of looks at both clocks: the one with the least time between counts. */
const PAIRS = 5;

/** Measures what the wall clock is ahead, to some tens of ns. It changes only when the wall clock is set. */
export function wallOffset(): WallOffset {
  let best = { gap: -1n, ahead: 0n };
  for (let i = 0; i < PAIRS; i++) {
    const before = process.hrtime.bigint();
    check(cClockGettime(CLOCK_REALTIME, time), 'clock_gettime');
    const after = process.hrtime.bigint();
    const ahead = (time[0] ?? 0n) * SECOND + (time[1] ?? 0n) - (before + after) / 2n;
    if (best.gap < 0n || after - before < best.gap) best = { gap: after - before, ahead };
  }
  return { sec: Number(best.ahead / SECOND), nsec: Number(best.ahead % SECOND) };
}

/** The same in ns. */
export const offsetNs = ({ sec, nsec }: WallOffset): bigint => BigInt(sec) * SECOND + BigInt(nsec);

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
