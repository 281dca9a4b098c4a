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
import { type Code, type Label, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 } from '../ebpf/instruction.ts';
import { pktgenField } from '../wire/pktgen-header.ts';
import { XDP } from './attach-xdp.ts';
import { findHeaderCode } from './find-header-code.ts';
import { takeArrivalCode } from './flow-analysis-code.ts';
import { type FlowField, keyLength, SENDER_FIELDS } from './flow-key.ts';
import { RECORD, RECORD_LEN } from './flow-record.ts';
import { CAPTURE, CAPTURE_SNAPLEN, SINK } from './sink-memory.ts';

/** What is kept while helpers run: offsets from the end of the stack. */
const STACK = { key: -48, index: -52, bytes: -64, seq: -72, sent: -80, now: -88, context: -96 } as const;
const BPF_NOEXIST = 1;

/** How a receiver's program is to be. */
export interface SinkProgramOptions {
  /** Flows that the table has room for. */
  readonly flows: number;
  /** Our packets go on to the stack too; those of others always do. */
  readonly pass: boolean;
  /** What packets of a flow have in common. */
  readonly by?: readonly FlowField[];
  /** Takes packets as if they carried no time when false. */
  readonly latency?: boolean;
  /** Packets of ours that are kept in the map `capture`. */
  readonly capture?: number;
  /** Leaves the time in R0, ns of ktime; for tests another clock than the kernel's. */
  readonly clock?: Code;
}

/**
 * The XDP receiver: finds pktgen headers and keeps a record of each flow. Maps: `sink` (SINK), `flows` (records one
 * behind the other), `index` (from the key of a flow to its place), and `capture` (CAPTURE) where packets are kept.
 */
export function sinkCode({
  flows,
  pass,
  by = SENDER_FIELDS,
  latency = true,
  capture = 0,
  // To count, a clock will do that moves every few milliseconds and costs nothing.
  clock = [call(latency ? 'ktime_get_ns' : 'ktime_get_coarse_ns')],
}: SinkProgramOptions): Code {
  const found = { truncated: label('truncated'), fragment: label('fragment'), foreign: label('foreign') };
  const record = label('record is found');
  const [known, full, busy, done] = [label('flow is known'), label('table is full'), label('busy'), label('done')];
  return [
    capture > 0 ? store(R10, STACK.context, 'u64', R1) : [],
    [load(R6, 'u32', R1, 0), load(R7, 'u32', R1, 4), mov(R0, R7), alu(R0, '-', R6), store(R10, STACK.bytes, 'u64', R0)],
    findHeaderCode(found, { at: STACK.key, by }),
    headerCode(latency),
    [
      clock,
      mapValue(R7, 'sink'),
      load(R1, 'u64', R7, SINK.wallOffset * 8),
      alu(R0, '+', R1),
      store(R10, STACK.now, 'u64', R0),
    ],
    sameFlowCode(flows, by, record),
    [lookUp, jumpIf(R0, '!=', 0, known)],
    newFlowCode(flows, known, full),
    [known, load(R1, 'u32', R0), jumpIf(R1, '>=', flows, full), store(R7, SINK.last * 8, 'u64', R1)],
    [alu(R1, '*', RECORD_LEN), mapValue(R6, 'flows'), alu(R6, '+', R1)],
    keyCode(by),
    record,
    [load(R7, 'u64', R10, STACK.seq), load(R8, 'u64', R10, STACK.sent), load(R9, 'u64', R10, STACK.now)],
    load(R5, 'u64', R10, STACK.bytes),
    takeArrivalCode({ busy }),
    capture > 0 ? captureCode(capture, done) : [],
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

/** R6 = the record of the flow that the last packet was of, if this one is of it too. R7 is `sink`. */
function sameFlowCode(flows: number, by: readonly FlowField[], same: Label): Code {
  const other = label('another flow');
  const words = Array.from({ length: keyLength(by) / 8 }, (_, i) => 8 * i);
  return [
    [load(R1, 'u64', R7, SINK.last * 8), jumpIf(R1, '>=', flows, other)],
    [alu(R1, '*', RECORD_LEN), mapValue(R6, 'flows'), alu(R6, '+', R1)],
    // A record that nobody has written yet has a key like any other.
    [load(R1, 'u64', R6, RECORD.packets * 8), jumpIf(R1, '==', 0, other)],
    words.map((at) => [
      [load(R1, 'u64', R6, RECORD.key * 8 + at), load(R2, 'u64', R10, STACK.key + at)],
      jumpIf(R1, '!=', R2, other),
    ]),
    [jump(same), other],
  ];
}

/** Notes the key in the record at R6, whose flow may be new. */
function keyCode(by: readonly FlowField[]): Code {
  const known = label('key is known');
  const words = Array.from({ length: keyLength(by) / 8 }, (_, i) => 8 * i);
  return [
    [load(R1, 'u64', R6, RECORD.packets * 8), jumpIf(R1, '!=', 0, known)],
    words.map((at) => [load(R1, 'u64', R10, STACK.key + at), store(R6, RECORD.key * 8 + at, 'u64', R1)]),
    known,
  ];
}

/** Reads the pktgen header at R6: its number, and its time in ns, of which R8 is the rest; 0 where it does not matter. */
function headerCode(latency: boolean): Code {
  const untimed = label('no time');
  const part = (register: typeof R1, at: number): Code => [load(register, 'u32', R6, at), toBigEndian(register, 32)];
  const time: Code = [
    [part(R1, pktgenField.sec), part(R2, pktgenField.usec)],
    [alu(R1, '*', 1_000_000_000), alu(R2, '*', 1000), alu(R1, '+', R2), jumpIf(R1, '==', 0, untimed), alu(R1, '+', R8)],
    untimed,
  ];
  return [
    [part(R1, pktgenField.seq), store(R10, STACK.seq, 'u64', R1)],
    [latency ? time : mov(R1, 0), store(R10, STACK.sent, 'u64', R1)],
  ];
}

/** R0 = address of the place of the key's flow, or 0. */
const lookUp: Code = [mapAddress(R1, 'index'), mov(R2, R10), alu(R2, '+', STACK.key), call('map_lookup_elem')];

/** Gives a flow the next place; another CPU may have been faster. R0 = address of its place. R7 is `sink`. */
function newFlowCode(flows: number, known: Label, full: Label): Code {
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

/** Keeps the packet, as long as there is room for more. */
function captureCode(packets: number, done: Label): Code {
  const short = label('short enough to keep whole');
  return [
    [mapValue(R1, 'capture'), mov(R6, 1), atomic(R1, 0, 'u64', 'fetchAdd', R6), jumpIf(R6, '>=', packets, done)],
    [alu(R6, '*', CAPTURE.slotLen), mapValue(R1, 'capture'), alu(R6, '+', R1), alu(R6, '+', CAPTURE.slots)],
    [load(R7, 'u64', R10, STACK.bytes), store(R6, CAPTURE.length, 'u32', R7)],
    [load(R1, 'u64', R10, STACK.now), store(R6, CAPTURE.at, 'u64', R1)],
    [jumpIf(R7, '<=', CAPTURE_SNAPLEN, short), mov(R7, CAPTURE_SNAPLEN), short, jumpIf(R7, '==', 0, done)],
    [load(R1, 'u64', R10, STACK.context), mov(R2, 0), mov(R3, R6), alu(R3, '+', CAPTURE.bytes), mov(R4, R7)],
    [call('xdp_load_bytes'), jumpIf(R0, '!=', 0, done), store(R6, CAPTURE.captured, 'u32', R7)],
  ];
}
