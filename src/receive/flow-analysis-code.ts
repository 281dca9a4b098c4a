import { alu, alu32, atomic, jump, jumpIf, label, load, mov, mov32, movWide, store } from '../ebpf/code.ts';
import { type Code, type Label, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, type Register } from '../ebpf/instruction.ts';
import { RESTART_DISTANCE } from './flow-analysis.ts';
import { MOST_LATENCY, RECORD, WINDOW_WORDS } from './flow-record.ts';
import { HISTOGRAM_BITS, HISTOGRAM_BUCKETS } from './latency-histogram.ts';

/** How often a record that another CPU writes is looked at again; it is let go of after some ten ns. */
const TRIES = 1000;

const take = (register: Register, word: number): Code => [load(register, 'u64', R6, word * 8)];
const keep = (word: number, value: Register | number): Code => [store(R6, word * 8, 'u64', value)];
/** Adds to a word; R0 is lost. */
const add = (word: number, more: Register | number): Code => [take(R0, word), alu(R0, '+', more), keep(word, R0)];

/** Where the analysis of a packet goes on. */
export interface AnalysisExits {
  /** Another CPU would not let go of the record. */
  readonly busy: Label;
}

/**
 * Does what takeArrival() does. Wants the record in R6, the sequence number in R7, when it was sent in R8 (0: it says no
 * time), when it came in R9, both in ns, and the length of the frame in R5. R0 to R5 are lost.
 */
export function takeArrivalCode({ busy }: AnalysisExits): Code {
  const [first, known, untimed] = [label('first packet'), label('sequence is known'), label('no time')];
  return [
    lockCode(busy),
    [take(R1, RECORD.packets), mov(R0, R1), alu(R0, '+', 1), keep(RECORD.packets, R0)],
    [add(RECORD.bytes, R5), keep(RECORD.last, R9), jumpIf(R1, '==', 0, first)],
    sequenceCode(known),
    [first, keep(RECORD.first, R9), beginCode(), known],
    [jumpIf(R8, '==', 0, untimed), timeCode(), untimed],
    [mov(R1, 0), atomic(R6, RECORD.lock * 8, 'u64', 'exchange', R1)],
  ];
}

function lockCode(busy: Label): Code {
  const [again, mine] = [label('try again'), label('locked')];
  return [
    [mov(R2, TRIES), again, mov(R0, 0), mov(R1, 1), atomic(R6, RECORD.lock * 8, 'u64', 'compareExchange', R1)],
    [jumpIf(R0, '==', 0, mine), alu(R2, '-', 1), jumpIf(R2, '!=', 0, again), jump(busy), mine],
  ];
}

/** R1 = address of the word of the window that the number in R3 is in, R4 = its bit. R2 is lost. */
const markOf: Code = [
  [mov(R1, R3), alu(R1, '>>', 6), alu(R1, '&', WINDOW_WORDS - 1), alu(R1, '<<', 3), alu(R1, '+', R6)],
  [mov(R2, R3), alu(R2, '&', 63), mov(R4, 1), alu(R4, '<<', R2)],
];
/** Notes that the number in R3 has come. */
const mark: Code = [
  markOf,
  [load(R0, 'u64', R1, RECORD.window * 8), alu(R0, '|', R4), store(R1, RECORD.window * 8, 'u64', R0)],
];

/** The first number of a run, R7, sent at R8. */
const beginCode = (): Code => [
  [keep(RECORD.base, R7), keep(RECORD.highest, R7), keep(RECORD.highestSent, R8), keep(RECORD.distinct, 1)],
  Array.from({ length: WINDOW_WORDS }, (_, i) => keep(RECORD.window + i, 0)),
  [mov(R3, R7), mark],
];

function sequenceCode(known: Label): Code {
  const [late, restart] = [label('late'), label('restart')];
  return [
    // R1 = the highest number, R2 = how far ahead of it this one is, R3 = this one unwrapped.
    [take(R1, RECORD.highest), mov32(R2, R7), alu32(R2, '-', R1), alu(R2, '<<', 32), alu(R2, '>>s', 32)],
    [mov(R3, R1), alu(R3, '+', R2), jumpIf(R2, 's<=', 0, late)],
    nextCode(),
    jump(known),
    [late, jumpIf(R2, 's<', -RESTART_DISTANCE, restart), jumpIf(R3, 's<', 0, restart)],
    [take(R4, RECORD.highestSent), jumpIf(R8, '>', R4, restart)],
    lateCode(),
    jump(known),
    [restart, add(RECORD.restarts, 1)],
    [take(R1, RECORD.highest), take(R2, RECORD.base), alu(R1, '-', R2), alu(R1, '+', 1)],
    [take(R2, RECORD.distinct), alu(R1, '-', R2), add(RECORD.lostBefore, R1), beginCode(), jump(known)],
  ];
}

/** The number R3 is higher than R1, the highest: words of the window between them are emptied. */
function nextCode(): Code {
  const [loop, done, near] = [label('next word'), label('window moved'), label('less than a window')];
  return [
    // R1 = the first word to empty, R2 = the last.
    [mov(R2, R3), alu(R2, '>>', 6), alu(R1, '>>', 6), alu(R1, '+', 1)],
    [mov(R4, R2), alu(R4, '-', WINDOW_WORDS - 1), jumpIf(R1, 's>=', R4, near), mov(R1, R4), near],
    [mov(R5, WINDOW_WORDS), loop, jumpIf(R1, 's>', R2, done), jumpIf(R5, '==', 0, done), alu(R5, '-', 1)],
    [mov(R4, R1), alu(R4, '&', WINDOW_WORDS - 1), alu(R4, '<<', 3), alu(R4, '+', R6)],
    [store(R4, RECORD.window * 8, 'u64', 0), alu(R1, '+', 1), jump(loop), done],
    [keep(RECORD.highest, R3), keep(RECORD.highestSent, R8), mark, add(RECORD.distinct, 1)],
  ];
}

/** The number R3 is not higher than R1, the highest. */
function lateCode(): Code {
  const [old, repeated, done] = [label('old'), label('repeated'), label('taken')];
  return [
    [alu(R1, '>>', 6), alu(R1, '-', WINDOW_WORDS - 1), alu(R1, '<<', 6), jumpIf(R3, 's<', R1, old)],
    [markOf, load(R0, 'u64', R1, RECORD.window * 8), mov(R2, R0), alu(R2, '&', R4), jumpIf(R2, '!=', 0, repeated)],
    [alu(R0, '|', R4), store(R1, RECORD.window * 8, 'u64', R0), add(RECORD.distinct, 1), add(RECORD.reordered, 1)],
    [take(R0, RECORD.base), jumpIf(R3, '>=', R0, done), keep(RECORD.base, R3), jump(done)],
    [old, add(RECORD.old, 1), jump(done)],
    [repeated, add(RECORD.duplicates, 1), done],
  ];
}

/** Latency: from R8 to R9. */
function timeCode(): Code {
  const [positive, most, first, ahead, counted] = [
    label('took time'),
    label('not the greatest'),
    label('first time'),
    label('more than the last'),
    label('variation is counted'),
  ];
  return [
    // R3 = the latency, R1 = packets with a time before.
    [mov(R3, 0), jumpIf(R9, '<=', R8, positive), mov(R3, R9), alu(R3, '-', R8)],
    [movWide(R1, MOST_LATENCY), jumpIf(R3, '<=', R1, positive), mov(R3, R1), positive],
    [take(R1, RECORD.timed), mov(R0, R1), alu(R0, '+', 1), keep(RECORD.timed, R0), add(RECORD.latencySum, R3)],
    [take(R2, RECORD.latencyMax), jumpIf(R3, '<=', R2, most), keep(RECORD.latencyMax, R3), most],
    [jumpIf(R1, '==', 0, first), take(R2, RECORD.latencyLast), mov(R4, R3), alu(R4, '-', R2)],
    [jumpIf(R3, '>', R2, ahead), mov(R4, R2), alu(R4, '-', R3), ahead, add(RECORD.variationSum, R4)],
    [take(R2, RECORD.latencyMin), jumpIf(R3, '>=', R2, counted), first, keep(RECORD.latencyMin, R3), counted],
    [keep(RECORD.latencyLast, R3), bucketCode()],
  ];
}

/** Counts the time in R3 in the histogram. */
function bucketCode(): Code {
  const [count, bounded] = [label('count'), label('within the histogram')];
  const { sub, longest } = HISTOGRAM_BITS;
  return [
    [mov(R1, R3), jumpIf(R3, '<', 1 << sub, count)],
    // R2 = the exponent: the place of the highest bit.
    mov(R2, 0),
    [32, 16, 8, 4, 2, 1].map((bits) => {
      const lower = label('lower half');
      return [mov(R4, R1), alu(R4, '>>', bits), jumpIf(R4, '==', 0, lower), mov(R1, R4), alu(R2, '+', bits), lower];
    }),
    [mov(R1, HISTOGRAM_BUCKETS - 1), jumpIf(R2, '>=', longest, count)],
    // 32 buckets for each octave below this one, and as many as the bits behind the highest say.
    [alu(R2, '-', sub), alu(R2, '&', 63), mov(R1, R3), alu(R1, '>>', R2), alu(R2, '<<', sub), alu(R1, '+', R2)],
    [count, jumpIf(R1, '<', HISTOGRAM_BUCKETS, bounded), mov(R1, HISTOGRAM_BUCKETS - 1), bounded],
    [alu(R1, '<<', 2), alu(R1, '+', R6), load(R0, 'u32', R1, RECORD.histogram * 8), alu(R0, '+', 1)],
    store(R1, RECORD.histogram * 8, 'u32', R0),
  ];
}
