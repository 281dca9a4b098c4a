import { alu, call, jump, jumpIf, label, load, mapValue, mov, store } from '../../ebpf/code.ts';
import { type Code, R0, R1, R7, R8, R9, R10 } from '../../ebpf/instruction.ts';
import { STATE } from '../../template/device-state.ts';
import { STACK } from './stack.ts';
import { THREAD } from './thread-memory.ts';

const word = (index: number): number => index * 4;

/** The time in a packet has this resolution, ns: it must not be older. */
const RESOLUTION_NS = 1000;
/** One look at the clock serves at most so many packets. A power of two, less one. */
const MOST_MASK = 15;

/**
 * Sets the time that packets carry, from the clock in R0: as seconds and microseconds, and what these leave of it where
 * packets show that. R1 and R9 are lost.
 */
export const wallClockCode = (nsec: boolean): Code => [
  [mapValue(R9, 'thread'), load(R1, 'u64', R9, word(THREAD.wallOffset)), alu(R0, '+', R1)],
  [mov(R1, R0), alu(R1, '/', 1_000_000_000), store(R7, word(STATE.timeSec), 'u32', R1)],
  [alu(R1, '*', 1_000_000_000), alu(R0, '-', R1), nsec ? mov(R9, R0) : []],
  [alu(R0, '/', 1000), store(R7, word(STATE.timeUsec), 'u32', R0)],
  nsec ? [alu(R0, '*', 1000), alu(R9, '-', R0), store(R7, word(STATE.timeNsec), 'u32', R9)] : [],
];

/** Looks at the clock for each packet: what it shows is exact. */
export const exactClockCode = (): Code => [call('ktime_get_ns'), wallClockCode(true)];

/**
 * Looks at the clock when a packet of a device without delay is due for it. A look costs as much as a packet, so it
 * serves as many packets as go out in less than a microsecond; how many those are is found while sending. Frames wait
 * for the end of their batch, so the first of a batch has a look of its own, and its distance says nothing.
 */
export function clockCode(batchSize: number): Code {
  const [fresh, stamp, slower] = [label('time is fresh'), label('stamp'), label('slower')];
  return [
    [load(R8, 'u64', R10, STACK.turn), load(R1, 'u32', R7, word(STATE.stampMask)), alu(R1, '&', R8)],
    [jumpIf(R1, '!=', 0, fresh), call('ktime_get_ns')],
    [load(R1, 'u64', R7, word(STATE.stampedAt)), store(R7, word(STATE.stampedAt), 'u64', R0)],
    [alu(R8, '&', batchSize - 1), jumpIf(R8, '==', 0, stamp)],
    [mov(R8, R0), alu(R8, '-', R1), load(R1, 'u32', R7, word(STATE.stampMask)), jumpIf(R8, '>', RESOLUTION_NS, slower)],
    // Twice as many packets took less than a microsecond.
    [jumpIf(R8, '>', RESOLUTION_NS / 2, stamp), alu(R1, '<<', 1), alu(R1, '|', 1), alu(R1, '&', MOST_MASK)],
    [store(R7, word(STATE.stampMask), 'u32', R1), jump(stamp)],
    [slower, alu(R1, '>>', 1), store(R7, word(STATE.stampMask), 'u32', R1)],
    [stamp, wallClockCode(false), fresh],
  ];
}
