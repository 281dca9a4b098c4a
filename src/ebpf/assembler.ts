import type { Code, Instruction, Label, MapName } from './instruction.ts';

/** Bytes of an encoded instruction; one with a 64-bit constant takes two. */
export const INSTRUCTION_LEN = 8;
/** The most instructions of a program (BPF_COMPLEXITY_LIMIT_INSNS). */
const MOST_INSTRUCTIONS = 1_000_000;

const slotsOf = (instruction: Instruction): number => (instruction.immHigh === undefined ? 1 : 2);

/** The parts of code one behind the other. */
function* flatten(code: Code): Generator<Instruction | Label> {
  for (const part of code) {
    if (Array.isArray(part)) yield* flatten(part as Code);
    else yield part as Instruction | Label;
  }
}

/** Instructions of code, without its labels. */
export function instructionsOf(code: Code): Instruction[] {
  return [...flatten(code)].filter((part): part is Instruction => 'opcode' in part);
}

/**
 * Encodes a program (RFC 9669, section 3), little-endian. Labels become offsets, names of maps their descriptors.
 * Throws RangeError for a jump that is too far or leads nowhere, a label that stands twice, an offset that does not fit
 * or a map that is not there: all of them mistakes of who wrote the program.
 */
export function assemble(code: Code, maps: Readonly<Record<MapName, number>> = {}): Uint8Array<ArrayBuffer> {
  const parts = [...flatten(code)];
  const places = new Map<Label, number>();
  let slots = 0;
  for (const part of parts) {
    if ('opcode' in part) slots += slotsOf(part);
    else if (places.has(part)) throw new RangeError(`label ${part.label} stands twice`);
    else places.set(part, slots);
  }
  if (slots > MOST_INSTRUCTIONS) throw new RangeError(`${slots} instructions: at most ${MOST_INSTRUCTIONS}`);
  const bytes = new Uint8Array(slots * INSTRUCTION_LEN);
  const view = new DataView(bytes.buffer);
  let slot = 0;
  for (const part of parts) {
    if (!('opcode' in part)) continue;
    encode(view, slot, part, offsetOf(part, slot, places), maps);
    slot += slotsOf(part);
  }
  return bytes;
}

/** The offset field: given, or counted from the next instruction to where it jumps to. */
function offsetOf({ target, offset }: Instruction, slot: number, places: ReadonlyMap<Label, number>): number {
  const place = target && places.get(target);
  if (target && place === undefined) throw new RangeError(`label ${target.label} stands nowhere`);
  const value = place === undefined ? offset : place - slot - 1;
  if (value < -0x8000 || value > 0x7fff) {
    throw new RangeError(target ? `the jump to ${target.label} is too far: ${value}` : `offset ${value}: 16 bits only`);
  }
  return value;
}

function encode(
  view: DataView,
  slot: number,
  { opcode, dst, src, imm, immHigh, map }: Instruction,
  offset: number,
  maps: Readonly<Record<MapName, number>>,
): void {
  const fd = map === undefined ? imm : maps[map];
  if (fd === undefined) throw new RangeError(`there is no map ${map}`);
  const at = slot * INSTRUCTION_LEN;
  view.setUint8(at, opcode);
  view.setUint8(at + 1, (src << 4) | dst);
  view.setInt16(at + 2, offset, true);
  view.setInt32(at + 4, fd, true);
  if (immHigh !== undefined) view.setInt32(at + INSTRUCTION_LEN + 4, immHigh, true);
}
