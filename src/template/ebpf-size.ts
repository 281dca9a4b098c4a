import { alu, alu32, jump, jumpIf, jumpIf32, label, load, mov32, store } from '../ebpf/code.ts';
import { type Code, R0, R7, R8 } from '../ebpf/instruction.ts';
import { STATE } from './device-state.ts';
import type { RandomRegisters } from './ebpf-random.ts';
import { keep, take, word } from './ebpf-words.ts';
import { MIN_PAYLOAD, type PacketTemplate } from './packet-template.ts';
import { IMIX_PRECISION } from './size-rule.ts';

/** Code that leaves the frame's length in R8; `length` where it is always the same. */
export function sizeCode(
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
