import { alu, call, jump, jumpIf, label, load, mov, movWide, store } from '../../ebpf/code.ts';
import { type Code, type Label, R0, R1, R6, R7, R8, R9 } from '../../ebpf/instruction.ts';
import { STATE } from '../../template/device-state.ts';

const word = (index: number): number => index * 4;

/** Looks at the clock in one turn of the program, at most; each takes some 30 ns. */
const LOOKS = 256;

/**
 * Waits for the departure of the device in R7 and sets the next one, `delayNs` later: what is late goes at once, packet
 * behind packet. Leaves the time in R0. Goes to `drop` while it is not reached, to `pause` when the device is stopped.
 * The first packet of a device does not wait, nor counts as a departure. Waiting is counted as idle time (spin of the
 * kernel). R1 to R9 are lost but for R7.
 */
export function departureCode(delayNs: number, { drop, pause }: { drop: Label; pause: Label }): Code {
  const [due, first, wait, waited] = [label('due'), label('first'), label('wait'), label('waited')];
  const idle: Code = [
    [mov(R1, R0), alu(R1, '-', R9), load(R6, 'u64', R7, word(STATE.idle)), alu(R6, '+', R1)],
    store(R7, word(STATE.idle), 'u64', R6),
  ];
  return [
    [call('ktime_get_ns'), load(R1, 'u32', R7, word(STATE.lastOk)), jumpIf(R1, '==', 0, first)],
    [load(R8, 'u64', R7, word(STATE.nextTx)), jumpIf(R0, '>=', R8, due)],
    [mov(R9, R0), mov(R6, LOOKS)],
    [wait, call('ktime_get_ns'), jumpIf(R0, '>=', R8, waited)],
    [load(R1, 'u32', R7, word(STATE.stop)), jumpIf(R1, '!=', 0, pause)],
    [alu(R6, '-', 1), jumpIf(R6, '!=', 0, wait)],
    [idle, jump(drop)],
    [waited, idle],
    [due, movWide(R1, delayNs), alu(R8, '+', R1), store(R7, word(STATE.nextTx), 'u64', R8)],
    first,
  ];
}
