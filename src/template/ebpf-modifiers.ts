import { alu, alu32, jump, jumpIf, jumpIf32, label, load, mapValue, mov, mov32, store } from '../ebpf/code.ts';
import { type Code, type MapName, R0, R1, R6, R8, R9 } from '../ebpf/instruction.ts';
import { STATE } from './device-state.ts';
import type { RandomRegisters } from './ebpf-random.ts';
import { keep, put, take } from './ebpf-words.ts';
import type {
  FieldModifier,
  FlowModifier,
  FlowTagModifier,
  MacCountModifier,
  RandomBitsModifier,
  RangeModifier,
} from './field-modifier.ts';
import { FLOW_OFFSET, MAX_FLOWS } from './flow-table.ts';

/**
 * Advances what a modifier says and writes it into the frame. R6 is the frame, R7 the state, R9 the packet's flow from its
 * modifier on; R0, R1 and R8 are lost, R2 to R5 are the random source's.
 */
export function modifierCode(modifier: FieldModifier, random: RandomRegisters, flows: MapName): Code {
  switch (modifier.kind) {
    case 'flow':
      return flowCode(modifier, random, flows);
    case 'flow-tag':
      return flowTagCode(modifier);
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

/** The number of the flow is shown; its sequence number follows with the header (flowSeqCode). */
const flowTagCode = ({ state, field, first }: FlowTagModifier): Code => [
  [mov(R0, R9), alu32(R0, '+', first), alu32(R0, '&', 0xffff), keep(state, R0)],
  put(field),
];

/** R0 = the next sequence number of the packet's flow. R1 and R9 are lost. */
export function flowSeqCode(flows: MapName): Code {
  const known = label('flow is known');
  return [
    // The verifier does not know that it is one of the table's.
    [take(R1, STATE.curFlow), jumpIf(R1, '<', MAX_FLOWS, known), mov(R1, 0), known],
    [alu(R1, '<<', 2), mapValue(R9, flows, FLOW_OFFSET.seq), alu(R1, '+', R9)],
    [load(R0, 'u32', R1), alu32(R0, '+', 1), store(R1, 0, 'u32', R0)],
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
