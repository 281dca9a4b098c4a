import {
  alu,
  atomic,
  call,
  exit,
  jump,
  jumpIf,
  label,
  load,
  mapAddress,
  mapValue,
  mov,
  store,
  toBigEndian,
} from '../ebpf/code.ts';
import { type Code, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 } from '../ebpf/instruction.ts';
import { pktgenField } from '../wire/pktgen-header.ts';
import { findHeaderCode } from './find-header-code.ts';
import { takeArrivalCode } from './flow-analysis-code.ts';
import { RECORD } from './flow-record.ts';
import { RECORD_LEN, SINK } from './sink-memory.ts';

/** XDP verdicts (enum xdp_action, linux/bpf.h). */
const XDP = { DROP: 1, PASS: 2 } as const;
/** What is kept while helpers run: offsets from the end of the stack. */
const STACK = { key: -8, index: -12, bytes: -24, seq: -32, sent: -40, now: -48 } as const;
const BPF_NOEXIST = 1;

/** How a receiver's program is to be. */
export interface SinkProgramOptions {
  /** Flows that the table has room for. */
  readonly flows: number;
  /** Our packets go on to the stack too; those of others always do. */
  readonly pass: boolean;
  /** Leaves the time in R0, ns of ktime; for tests another clock than the kernel's. */
  readonly clock?: Code;
}

/**
 * The XDP receiver: finds pktgen headers and keeps a record of each flow. Maps: `sink` (SINK), `flows` (records one
 * behind the other), `index` (from the key of a flow to its place).
 */
export function sinkCode({ flows, pass, clock = [call('ktime_get_ns')] }: SinkProgramOptions): Code {
  const found = { truncated: label('truncated'), fragment: label('fragment'), foreign: label('foreign') };
  const [known, full, busy, done] = [label('flow is known'), label('table is full'), label('busy'), label('done')];
  return [
    [load(R6, 'u32', R1, 0), load(R7, 'u32', R1, 4), mov(R0, R7), alu(R0, '-', R6), store(R10, STACK.bytes, 'u64', R0)],
    findHeaderCode(found),
    store(R10, STACK.key, 'u64', R8),
    headerCode(),
    [
      clock,
      mapValue(R7, 'sink'),
      load(R1, 'u64', R7, SINK.wallOffset * 8),
      alu(R0, '+', R1),
      store(R10, STACK.now, 'u64', R0),
    ],
    [lookUp, jumpIf(R0, '!=', 0, known)],
    newFlowCode(flows, known, full),
    [
      known,
      load(R1, 'u32', R0),
      jumpIf(R1, '>=', flows, full),
      alu(R1, '*', RECORD_LEN),
      mapValue(R6, 'flows'),
      alu(R6, '+', R1),
    ],
    [load(R7, 'u64', R10, STACK.seq), load(R8, 'u64', R10, STACK.sent), load(R9, 'u64', R10, STACK.now)],
    [load(R1, 'u64', R10, STACK.key), store(R6, RECORD.key * 8, 'u64', R1), load(R5, 'u64', R10, STACK.bytes)],
    takeArrivalCode({ busy }),
    countCode(SINK.ours),
    [done, mov(R0, pass ? XDP.PASS : XDP.DROP), exit()],
    [full, countCode(SINK.overflow), jump(done)],
    [busy, countCode(SINK.busy), jump(done)],
    (['truncated', 'fragment', 'foreign'] as const).map((kind) => [
      found[kind],
      countCode(SINK[kind]),
      [mov(R0, XDP.PASS), exit()],
    ]),
  ];
}

/** Reads the pktgen header at R6: its number, and its time in ns. */
function headerCode(): Code {
  const part = (register: typeof R1, at: number): Code => [load(register, 'u32', R6, at), toBigEndian(register, 32)];
  return [
    [part(R1, pktgenField.seq), store(R10, STACK.seq, 'u64', R1)],
    [part(R1, pktgenField.sec), part(R2, pktgenField.usec)],
    [alu(R1, '*', 1_000_000_000), alu(R2, '*', 1000), alu(R1, '+', R2), store(R10, STACK.sent, 'u64', R1)],
  ];
}

/** R0 = address of the place of the key's flow, or 0. */
const lookUp: Code = [mapAddress(R1, 'index'), mov(R2, R10), alu(R2, '+', STACK.key), call('map_lookup_elem')];

/** Gives a flow the next place; another CPU may have been faster. R0 = address of its place. R7 is `sink`. */
function newFlowCode(flows: number, known: ReturnType<typeof label>, full: ReturnType<typeof label>): Code {
  return [
    [load(R1, 'u64', R7, SINK.flows * 8), jumpIf(R1, '>=', flows, full)],
    [mov(R1, 1), atomic(R7, SINK.flows * 8, 'u64', 'fetchAdd', R1), jumpIf(R1, '>=', flows, full)],
    store(R10, STACK.index, 'u32', R1),
    [mapAddress(R1, 'index'), mov(R2, R10), alu(R2, '+', STACK.key), mov(R3, R10), alu(R3, '+', STACK.index)],
    [mov(R4, BPF_NOEXIST), call('map_update_elem'), lookUp, jumpIf(R0, '!=', 0, known), jump(full)],
  ];
}

/** Counts a packet; several CPUs may. */
const countCode = (word: number): Code => [[mapValue(R1, 'sink'), mov(R2, 1), atomic(R1, word * 8, 'u64', '+', R2)]];
