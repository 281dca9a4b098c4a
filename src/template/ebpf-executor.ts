import {
  alu,
  alu32,
  jump,
  jumpIf,
  jumpIf32,
  label,
  load,
  mapValue,
  mov,
  mov32,
  store,
  toBigEndian,
} from '../ebpf/code.ts';
import {
  type Code,
  type Instruction,
  type MapName,
  R0,
  R1,
  R6,
  R7,
  R8,
  R9,
  type Register,
} from '../ebpf/instruction.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { pktgenField } from '../wire/pktgen-header.ts';
import { udpField } from '../wire/udp.ts';
import { constantBytes, constantSum } from './constant-bytes.ts';
import { STATE } from './device-state.ts';
import { RandomRegisters } from './ebpf-random.ts';
import type {
  FieldModifier,
  FlowModifier,
  FrameField,
  MacCountModifier,
  RandomBitsModifier,
  RangeModifier,
} from './field-modifier.ts';
import { FLOW_OFFSET, MAX_FLOWS } from './flow-table.ts';
import { MIN_PAYLOAD, type PacketTemplate } from './packet-template.ts';
import { IMIX_PRECISION } from './size-rule.ts';

/** What the code of a packet may rely on. */
export interface PacketCodeOptions {
  readonly template: PacketTemplate;
  /** The device's state: what no modifier changes is taken from it now. */
  readonly state: Uint32Array;
  /** The map whose value is a flow table; only templates with flows need one. */
  readonly flows: MapName;
  /**
   * Bytes that are written for each packet, from its start: headers, and zeros after them where another template's may
   * have been. Memory that was a packet before holds what its receiver made of it.
   */
  readonly whole: number;
}

/** The code that makes a packet. */
export interface PacketCode {
  /**
   * Wants R6 at the frame, R7 at the device's state, and at least `frame.length` bytes that may be written. Leaves the
   * length of the frame in R8, and the state as the JavaScript executor does. Uses R0 to R5 and R9, calls no helper.
   */
  readonly code: Code;
  /** The length of all frames; undefined where it varies. */
  readonly length: number | undefined;
}

/** Address of a word of the state, for memory operations with R7. */
const word = (state: number): number => state * 4;
const take = (register: Register, state: number): Code => [load(register, 'u32', R7, word(state))];
const keep = (state: number, register: Register | number): Code => [store(R7, word(state), 'u32', register)];

/** Writes R0 into a field of the frame; R0 is lost. */
const put = ({ offset, width }: FrameField): Code =>
  width === 2
    ? [toBigEndian(R0, 16), store(R6, offset, 'u16', R0)]
    : [toBigEndian(R0, 32), store(R6, offset, 'u32', R0)];

const swap16 = (value: number): number => ((value & 0xff) << 8) | ((value >> 8) & 0xff);

/** Writes a constant of 16 bits. */
const putConstant = (offset: number, value: number): Code => [store(R6, offset, 'u16', swap16(value & 0xffff))];

/**
 * Compiles the making of a packet to eBPF: the same bytes, state and random draws as the JavaScript executor's. A template
 * knows modifiers only, so whatever can be written as modifiers runs at the speed of the kernel.
 */
export function packetCode({ template, state, flows, whole }: PacketCodeOptions): PacketCode {
  const constant = constantBytes(template, state);
  const view = new DataView(constant.buffer);
  const random = new RandomRegisters();
  const modifiers = template.modifiers.map((modifier) => modifierCode(modifier, random, flows));
  const size = sizeCode(template, state, random);
  const code = [
    constantCode(view, whole, writtenBytes(template)),
    random.drawn ? RandomRegisters.take(R7) : [],
    modifiers,
    size.code,
    random.drawn ? random.put(R7) : [],
    headerCode(template, view, size.length),
  ];
  return { code, length: size.length };
}

/** Writes the constant bytes of a packet's first `length`, as few instructions as can be; leaves out what is written later. */
function constantCode(view: DataView, length: number, written: ReadonlySet<number>): Code {
  const code: Instruction[] = [];
  const isWritten = (at: number, size: number): boolean =>
    Array.from({ length: size }, (_, i) => at + i).every((byte) => written.has(byte));
  const isZero = (at: number): boolean => at >= view.byteLength || view.getUint32(at) === 0;
  for (let at = 0; at < length; ) {
    const rest = length - at;
    if (rest >= 8 && isZero(at) && isZero(at + 4) && !isWritten(at, 4) && !isWritten(at + 4, 4)) {
      code.push(store(R6, at, 'u64', 0));
      at += 8;
    } else if (rest >= 4) {
      if (!isWritten(at, 4)) code.push(store(R6, at, 'u32', at < view.byteLength ? view.getInt32(at, true) : 0));
      at += 4;
    } else {
      const size = rest >= 2 ? 'u16' : 'u8';
      const bytes = rest >= 2 ? 2 : 1;
      const value = at >= view.byteLength ? 0 : bytes === 2 ? view.getUint16(at, true) : view.getUint8(at);
      code.push(store(R6, at, size, value));
      at += bytes;
    }
  }
  return code;
}

/** Bytes that are written for each packet after its constants. */
function writtenBytes({ modifiers, fixups }: PacketTemplate): Set<number> {
  const { ip, l3, l4, payload, timestamp, udpChecksum } = fixups;
  const spans: [at: number, length: number][] = [
    [l4 + udpField.length, 2],
    [payload + pktgenField.seq, timestamp ? 12 : 4],
  ];
  if (udpChecksum) spans.push([l4 + udpField.checksum, 2]);
  if (ip === 6) spans.push([l3 + ipv6Field.payloadLength, 2]);
  else for (const at of [ipv4Field.totalLength, ipv4Field.id, ipv4Field.checksum]) spans.push([l3 + at, 2]);
  for (const modifier of modifiers) {
    if (modifier.kind === 'mac-count') spans.push([modifier.at + 1, 5]);
    else if ('field' in modifier && modifier.field) spans.push([modifier.field.offset, modifier.field.width]);
  }
  return new Set(spans.flatMap(([at, length]) => Array.from({ length }, (_, i) => at + i)));
}

function modifierCode(modifier: FieldModifier, random: RandomRegisters, flows: MapName): Code {
  switch (modifier.kind) {
    case 'flow':
      return flowCode(modifier, random, flows);
    case 'range':
      return rangeCode(modifier, random, flows);
    case 'mac-count':
      return macCountCode(modifier, random);
    case 'random-bits':
      return randomBitsCode(modifier, random);
  }
}

/** R1 = address of the flow's entry in a column of the table, whose entries have 1 << shift bytes; R9 is the flow. */
const flowEntry = (flows: MapName, column: number, shift: number): Code => [
  mov(R1, R9),
  alu(R1, '<<', shift),
  mapValue(R8, flows, column),
  alu(R1, '+', R8),
];

/** Leaves the packet's flow in R9. */
function flowCode({ flows: count, flowLen, order }: FlowModifier, random: RandomRegisters, flows: MapName): Code {
  const goesOn = label('flow goes on');
  const known = label('flow is known');
  const begun = flowEntry(flows, FLOW_OFFSET.begun, 0);
  const packets = flowEntry(flows, FLOW_OFFSET.count, 2);
  const counted: Code = [load(R0, 'u32', R1), alu32(R0, '+', 1), store(R1, 0, 'u32', R0)];
  const forget: Code = [store(R1, 0, 'u32', 0), begun, store(R1, 0, 'u8', 0)];
  if (order === 'random') {
    return [
      [random.below(count), mov(R9, R0), keep(STATE.curFlow, R9)],
      [packets, load(R0, 'u32', R1), jumpIf32(R0, '<=', flowLen, goesOn), forget, packets],
      [goesOn, counted],
    ];
  }
  return [
    // The verifier does not know that it is one of the table's.
    [take(R9, STATE.curFlow), jumpIf(R9, '<', MAX_FLOWS, known), mov(R9, 0), known],
    [packets, load(R0, 'u32', R1), jumpIf32(R0, '<', flowLen, goesOn), forget],
    nextFlow(count),
    [keep(STATE.curFlow, R9), packets],
    [goesOn, counted],
  ];
}

/** R9 = the flow after R9. */
function nextFlow(count: number): Code {
  const inside = label('no wrap');
  return [alu(R9, '+', 1), jumpIf(R9, '<', count, inside), mov(R9, 0), inside];
}

function rangeCode(range: RangeModifier, random: RandomRegisters, flows: MapName): Code {
  const { state, field, min, max, perFlow } = range;
  const advance = advanceCode(range, random);
  const show: Code = [keep(state, R0), field ? put(field) : []];
  if (!perFlow) return [advance, show];
  const fresh = label('flow begins');
  const done = label('flow has it');
  const address = flowEntry(flows, FLOW_OFFSET.dstAddr, 2);
  return [
    [flowEntry(flows, FLOW_OFFSET.begun, 0), load(R0, 'u8', R1), jumpIf(R0, '==', 0, fresh)],
    [address, load(R0, 'u32', R1), jump(done)],
    [fresh, store(R1, 0, 'u8', 1), min < max ? advance : take(R0, state)],
    [address, store(R1, 0, 'u32', R0)],
    [take(R1, STATE.flowsSeen), alu32(R1, '+', 1), keep(STATE.flowsSeen, R1)],
    [done, show],
  ];
}

/** R0 = the next value of a range. */
function advanceCode(
  { state, bits, min, max, order, includesMax, unicast, perFlow }: RangeModifier,
  random: RandomRegisters,
): Code {
  const cut: Code = bits === 16 ? [alu32(R0, '&', 0xffff)] : [];
  if (order === 'walk') {
    const inside = label('no wrap');
    return [
      [take(R0, state), alu32(R0, '+', 1), cut],
      [jumpIf32(R0, includesMax.walk ? '<=' : '<', max, inside), mov32(R0, min), inside],
    ];
  }
  const span = max - min + (includesMax.random ? 1 : 0);
  const rest: Code = [alu32(R0, '+', min), cut];
  if (unicast) return unicastCode([random.belowInPlace(span), rest]);
  return [perFlow ? random.belowInPlace(span) : random.below(span), rest];
}

/** The most draws for an address that may be sent to: a range may hold none. */
const TRIES = 64;

/** Draws until R0 is an address that may be sent to: not multicast, loopback, of the zero network or broadcast. */
function unicastCode(draw: Code): Code {
  const again = label('draw again');
  const bad = label('not unicast');
  const good = label('unicast');
  return [
    [mov(R8, TRIES), again, draw],
    [mov32(R1, R0), alu32(R1, '>>', 28), jumpIf(R1, '==', 14, bad)],
    [mov32(R1, R0), alu32(R1, '>>', 24), jumpIf(R1, '==', 127, bad), jumpIf(R1, '==', 0, bad)],
    [jumpIf32(R0, '!=', -1, good)],
    [bad, alu(R8, '-', 1), jumpIf(R8, '!=', 0, again)],
    [good],
  ];
}

/** The count is added to the lower four bytes; their carry goes into byte 1 and is lost there. */
function macCountCode({ state, at, base, count, order }: MacCountModifier, random: RandomRegisters): Code {
  const [, second = 0, ...lower] = base;
  const low = lower.reduce((sum, byte) => sum * 256 + byte, 0);
  const inside = label('no wrap');
  const carried = label('no carry');
  const pick: Code =
    order === 'random'
      ? random.below(count)
      : [
          [take(R0, state), mov(R1, R0), alu(R1, '+', 1)],
          [jumpIf(R1, '<', count, inside), mov(R1, 0), inside, keep(state, R1)],
        ];
  return [
    pick,
    [mov32(R1, low), alu(R0, '+', R1), mov(R8, R0)],
    put({ offset: at + 2, width: 4 }),
    [mov(R0, second), alu(R8, '>>', 32), jumpIf(R8, '==', 0, carried), mov(R0, (second + 1) & 0xff), carried],
    [store(R6, at + 1, 'u8', R0)],
  ];
}

const randomBitsCode = (
  { state, field, set, keep: kept, mark, clear, add }: RandomBitsModifier,
  random: RandomRegisters,
): Code => [
  random.draw(),
  set === 0 ? [] : alu32(R0, '|', set),
  [alu32(R0, '&', kept), mark === 0 ? [] : alu32(R0, '|', mark), keep(state, R0)],
  [clear === 0 ? [] : alu32(R0, '&', ~clear), add === 0 ? [] : alu32(R0, '|', add), put(field)],
];

/** Code that leaves the frame's length in R8; `length` where it is always the same. */
function sizeCode(
  template: PacketTemplate,
  state: Uint32Array,
  random: RandomRegisters,
): { code: Code; length: number | undefined } {
  const { size: rule, overhead, fixups } = template;
  if (rule.kind === 'fixed') {
    const size = (state[STATE.curPktSize] ?? 0) | 0;
    const length = fixups.payload + Math.max(MIN_PAYLOAD, size - overhead);
    return { code: [], length };
  }
  const enough = label('payload is long enough');
  return {
    code: [
      drawSize(rule, random),
      keep(STATE.curPktSize, R0),
      [mov32(R8, R0), alu32(R8, '-', overhead), jumpIf32(R8, 's>=', MIN_PAYLOAD, enough), mov32(R8, MIN_PAYLOAD)],
      [enough, alu32(R8, '+', fixups.payload)],
    ],
    length: undefined,
  };
}

/** R0 = the size of the next packet. */
function drawSize(rule: Exclude<PacketTemplate['size'], { kind: 'fixed' }>, random: RandomRegisters): Code {
  switch (rule.kind) {
    case 'walk': {
      const inside = label('no wrap');
      return [
        [take(R0, STATE.curPktSize), alu32(R0, '+', 1)],
        [jumpIf32(R0, 's<=', rule.max, inside), mov32(R0, rule.min), inside],
      ];
    }
    case 'random':
      return [random.below(rule.max - rule.min), alu32(R0, '+', rule.min)];
    case 'imix':
      return imixCode(rule.sizes, rule.table, random);
  }
}

/** An index into the table of 100 is drawn; entries of a size stand together, so each run of them is one comparison. */
function imixCode(sizes: readonly number[], table: readonly number[], random: RandomRegisters): Code {
  const done = label('size is drawn');
  const runs: { entry: number; end: number }[] = [];
  for (let i = 0; i < IMIX_PRECISION; i++) {
    const entry = table[i] ?? 0;
    const last = runs.at(-1);
    if (last?.entry === entry) last.end = i + 1;
    else runs.push({ entry, end: i + 1 });
  }
  return [
    random.below(IMIX_PRECISION),
    ...runs.map(({ entry, end }) => {
      const next = label('next size');
      const count = word(STATE.imixCounts + 2 * entry);
      return [
        [jumpIf(R0, '>=', end, next), load(R0, 'u64', R7, count), alu(R0, '+', 1), store(R7, count, 'u64', R0)],
        [mov32(R0, sizes[entry] ?? 0), jump(done), next],
      ];
    }),
    done,
  ];
}

/** Folds the sum in R0 to 16 bits and writes its complement; a sum of zero stays zero. R1 is lost. */
const fold: Code = [0, 1, 2].map(() => [mov(R1, R0), alu(R1, '>>', 16), alu(R0, '&', 0xffff), alu(R0, '+', R1)]);

/** Lengths, counters, time and checksums, from the length in R8, or from a constant one. */
function headerCode(template: PacketTemplate, view: DataView, length: number | undefined): Code {
  const { ip, l3, l4, payload, timestamp, udpChecksum } = template.fixups;
  const shown = shownWords(template.modifiers);
  /** A length that follows from the frame's: the bytes from `from` on. */
  const putLength = (at: number, from: number): Code =>
    length === undefined
      ? [mov(R0, R8), alu32(R0, '-', from), put({ offset: at, width: 2 })]
      : putConstant(at, length - from);
  const putWord = (at: number, state: number): Code => [take(R0, state), put({ offset: at, width: 4 })];
  return [
    putLength(l4 + udpField.length, l4),
    putWord(payload + pktgenField.seq, STATE.seqNum),
    timestamp
      ? [putWord(payload + pktgenField.sec, STATE.timeSec), putWord(payload + pktgenField.usec, STATE.timeUsec)]
      : [],
    ip === 4 ? ipv4Code() : putLength(l3 + ipv6Field.payloadLength, l4),
    udpChecksum ? udpCode() : [],
    [take(R0, STATE.seqNum), alu32(R0, '+', 1), keep(STATE.seqNum, R0)],
    length === undefined ? [] : mov(R8, length),
  ];

  /** R0 += the state words that stand in this part of the frame. */
  function addShown(from: number, to: number): Code {
    return [...shown].filter(([at]) => at >= from && at < to).map(([, state]) => [take(R1, state), alu(R0, '+', R1)]);
  }
  function varying(from: number, to: number): number[] {
    return [...shown].flatMap(([at, , width]) => (at >= from && at < to ? (width === 2 ? [at] : [at, at + 2]) : []));
  }
  /** R0 += a length that follows from the frame's, as often as it stands there; as putLength. */
  function addLength(from: number, times: number): Code {
    if (length !== undefined) return [alu(R0, '+', ((length - from) & 0xffff) * times)];
    const add = [mov(R1, R8), alu32(R1, '-', from), alu32(R1, '&', 0xffff)];
    return [add, Array.from({ length: times }, () => alu(R0, '+', R1))];
  }

  function ipv4Code(): Code {
    const end = l3 + IPV4_HEADER_LEN;
    const leaveOut = [l3 + ipv4Field.totalLength, l3 + ipv4Field.id, l3 + ipv4Field.checksum, ...varying(l3, end)];
    return [
      putLength(l3 + ipv4Field.totalLength, l3),
      [take(R9, STATE.ipId), mov(R0, R9), put({ offset: l3 + ipv4Field.id, width: 2 })],
      [mov(R0, R9), alu(R0, '+', constantSum(view, l3, end, new Set(leaveOut)))],
      addLength(l3, 1),
      addShown(l3, end),
      [fold, alu(R0, '^', 0xffff), put({ offset: l3 + ipv4Field.checksum, width: 2 })],
      [alu32(R9, '+', 1), alu32(R9, '&', 0xffff), keep(STATE.ipId, R9)],
    ];
  }

  function udpCode(): Code {
    const nonZero = label('sum is not zero');
    const [from, to] =
      ip === 4 ? [l3 + ipv4Field.src, l3 + IPV4_HEADER_LEN] : [l3 + ipv6Field.src, l3 + IPV6_HEADER_LEN];
    const leaveOut = new Set([
      l4 + udpField.length,
      l4 + udpField.checksum,
      ...varying(from, to),
      ...varying(l4, payload),
    ]);
    for (let at = pktgenField.seq; at < MIN_PAYLOAD; at += 2) leaveOut.add(payload + at);
    const base =
      IP_PROTOCOL.UDP + constantSum(view, from, to, leaveOut) + constantSum(view, l4, payload + MIN_PAYLOAD, leaveOut);
    const words = [STATE.seqNum, ...(timestamp ? [STATE.timeSec, STATE.timeUsec] : [])];
    return [
      mov(R0, base),
      addLength(l4, 2),
      words.map((state) => [take(R1, state), alu(R0, '+', R1)]),
      addShown(from, to),
      addShown(l4, payload),
      [fold, alu(R0, '^', 0xffff), jumpIf(R0, '!=', 0, nonZero), mov(R0, 0xffff), nonZero],
      put({ offset: l4 + udpField.checksum, width: 2 }),
    ];
  }
}

/** Fields that modifiers write and that checksums cover: they show their state word as it is. */
function shownWords(modifiers: readonly FieldModifier[]): Set<readonly [at: number, state: number, width: 2 | 4]> {
  const shown = new Set<readonly [number, number, 2 | 4]>();
  for (const modifier of modifiers) {
    if (modifier.kind === 'flow' || modifier.kind === 'mac-count' || modifier.field === undefined) continue;
    shown.add([modifier.field.offset, modifier.state, modifier.field.width]);
  }
  return shown;
}
