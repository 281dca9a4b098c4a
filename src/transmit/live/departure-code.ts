import { alu, call, jump, jumpIf, label, load, mov, movWide, store } from '../../ebpf/code.ts';
import { type Code, type Label, R0, R1, R6, R7, R8, R9, R10 } from '../../ebpf/instruction.ts';
import { STATE } from '../../template/device-state.ts';
import { STACK } from './stack.ts';

const word = (index: number): number => index * 4;

/** Looks at the clock in one turn of the program, at most; each takes some 30 ns. */
const LOOKS = 256;
/** With shorter delays, ns, one look at the clock may serve several packets: time that has come stays so. */
const SHORT_NS = 1000;
/** As many packets as go out in less than a microsecond; a power of two, less one. */
const SERVED_MASK = 3;

/** What a departure needs of the code around it. */
export interface DepartureOptions {
  readonly delayNs: number;
  /** Where to go while the departure is not reached, and when the device is stopped. */
  readonly drop: Label;
  readonly pause: Label;
  /** What is to be done with a fresh time in R0; R8 and R9 may be used. */
  readonly stamp: Code;
  /** Each packet wants a time of its own. */
  readonly exact: boolean;
}

/**
 * Waits for the departure of the device in R7 and sets the next one a delay later: what is late goes at once, packet
 * behind packet. The first packet of a device does not wait, nor counts as a departure. Waiting is counted as idle time
 * (spin of the kernel). R0 to R9 are lost but for R7.
 */
export function departureCode({ delayNs, drop, pause, stamp, exact }: DepartureOptions): Code {
  const [due, first, wait, waited, go] = [label('due'), label('first'), label('wait'), label('waited'), label('go')];
  const short = delayNs < SHORT_NS && !exact;
  const idle: Code = [
    [mov(R1, R0), alu(R1, '-', R9), load(R6, 'u64', R7, word(STATE.idle)), alu(R6, '+', R1)],
    store(R7, word(STATE.idle), 'u64', R6),
  ];
  const next: Code = [movWide(R1, delayNs), alu(R8, '+', R1), store(R7, word(STATE.nextTx), 'u64', R8)];
  return [
    short ? knownTimeCode(next, go) : [],
    [call('ktime_get_ns'), load(R1, 'u32', R7, word(STATE.lastOk)), jumpIf(R1, '==', 0, first)],
    [load(R8, 'u64', R7, word(STATE.nextTx)), jumpIf(R0, '>=', R8, due)],
    [mov(R9, R0), mov(R6, LOOKS)],
    [wait, call('ktime_get_ns'), jumpIf(R0, '>=', R8, waited)],
    [load(R1, 'u32', R7, word(STATE.stop)), jumpIf(R1, '!=', 0, pause)],
    [alu(R6, '-', 1), jumpIf(R6, '!=', 0, wait)],
    [idle, jump(drop)],
    [waited, idle],
    [due, next],
    [first, short ? store(R7, word(STATE.stampedAt), 'u64', R0) : [], stamp],
    go,
  ];
}

/** Goes on without a look at the clock when the departure had come at the last look already. */
function knownTimeCode(next: Code, go: Label): Code {
  const look = label('look');
  return [
    [load(R1, 'u64', R10, STACK.turn), alu(R1, '&', SERVED_MASK), jumpIf(R1, '==', 0, look)],
    [load(R0, 'u64', R7, word(STATE.stampedAt)), load(R8, 'u64', R7, word(STATE.nextTx)), jumpIf(R0, '<', R8, look)],
    [next, jump(go), look],
  ];
}
