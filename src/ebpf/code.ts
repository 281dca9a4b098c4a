import { HELPER, type HelperName } from './helper-function.ts';
import {
  ALU_OP,
  type AluOp,
  ATOMIC_OP,
  type AtomicOp,
  CLASS,
  type Condition,
  type Instruction,
  JUMP_OP,
  type Label,
  LOAD_IMM64,
  type MapName,
  MODE_ATOMIC,
  MODE_MEM,
  type Operand,
  PSEUDO,
  type Register,
  SIZE,
  type Size,
  SOURCE_REGISTER,
} from './instruction.ts';

/** A new label; the name shows in listings only. */
export const label = (name: string): Label => ({ label: name });

const int32 = (value: number, what: string): number => {
  if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0xffff_ffff) {
    throw new RangeError(`${what} ${value}: not an integer of 32 bits`);
  }
  return value | 0;
};

function operation(opcode: number, dst: Register, operand: Operand, more: Partial<Instruction> = {}): Instruction {
  const plain = { opcode, dst: dst.register, src: 0, offset: 0, imm: 0, ...more };
  return typeof operand === 'number'
    ? { ...plain, imm: int32(operand, 'constant') }
    : { ...plain, opcode: opcode | SOURCE_REGISTER, src: operand.register };
}

/** `dst op= operand` in 64 bits; a constant is sign-extended. */
export const alu = (dst: Register, op: AluOp, operand: Operand): Instruction =>
  operation(CLASS.ALU64 | ALU_OP[op], dst, operand);

/** `dst op= operand` in 32 bits; the upper half of dst becomes 0. */
export const alu32 = (dst: Register, op: AluOp, operand: Operand): Instruction =>
  operation(CLASS.ALU | ALU_OP[op], dst, operand);

/** `dst = operand` in 64 bits. */
export const mov = (dst: Register, operand: Operand): Instruction => alu(dst, '=', operand);
/** `dst = operand` in 32 bits: a constant is not sign-extended, a register is cut. */
export const mov32 = (dst: Register, operand: Operand): Instruction => alu32(dst, '=', operand);

/** `dst = ~dst` of 32 bits. */
export const not32 = (dst: Register): Instruction => alu32(dst, '^', -1);

/** `dst` to big-endian byte order, its upper bits cut. */
export const toBigEndian = (dst: Register, bits: 16 | 32 | 64): Instruction => ({
  opcode: CLASS.ALU | ALU_OP.swap | SOURCE_REGISTER,
  dst: dst.register,
  src: 0,
  offset: 0,
  imm: bits,
});

/** `dst = *(size *)(base + offset)`. */
export const load = (dst: Register, size: Size, base: Register, offset = 0): Instruction => ({
  opcode: CLASS.LDX | MODE_MEM | SIZE[size],
  dst: dst.register,
  src: base.register,
  offset,
  imm: 0,
});

/** `*(size *)(base + offset) = value`; a constant is sign-extended to 64 bits. */
export const store = (base: Register, offset: number, size: Size, value: Operand): Instruction =>
  typeof value === 'number'
    ? {
        opcode: CLASS.ST | MODE_MEM | SIZE[size],
        dst: base.register,
        src: 0,
        offset,
        imm: int32(value, 'constant'),
      }
    : { opcode: CLASS.STX | MODE_MEM | SIZE[size], dst: base.register, src: value.register, offset, imm: 0 };

/**
 * An atomic operation on `*(size *)(base + offset)` with a register (RFC 9669, section 5.3). fetchAdd and exchange leave
 * the old value in `value`, compareExchange in R0, which is what it compares with.
 */
export const atomic = (
  base: Register,
  offset: number,
  size: 'u32' | 'u64',
  op: AtomicOp,
  value: Register,
): Instruction => ({
  opcode: CLASS.STX | MODE_ATOMIC | SIZE[size],
  dst: base.register,
  src: value.register,
  offset,
  imm: ATOMIC_OP[op],
});

/** Goes to `target` if `dst condition operand` in 64 bits. */
export const jumpIf = (dst: Register, condition: Condition, operand: Operand, target: Label): Instruction =>
  operation(CLASS.JMP | JUMP_OP[condition], dst, operand, { target });

/** Goes to `target` if `dst condition operand` in 32 bits. */
export const jumpIf32 = (dst: Register, condition: Condition, operand: Operand, target: Label): Instruction =>
  operation(CLASS.JMP32 | JUMP_OP[condition], dst, operand, { target });

export const jump = (target: Label): Instruction => ({
  opcode: CLASS.JMP | JUMP_OP.always,
  dst: 0,
  src: 0,
  offset: 0,
  imm: 0,
  target,
});

/** Calls a helper with R1 to R5; the result is in R0, and R1 to R5 hold nothing any more. */
export const call = (helper: HelperName): Instruction => ({
  opcode: CLASS.JMP | JUMP_OP.call,
  dst: 0,
  src: 0,
  offset: 0,
  imm: HELPER[helper],
});

/** Ends the program with the verdict in R0. */
export const exit = (): Instruction => ({
  opcode: CLASS.JMP | JUMP_OP.exit,
  dst: 0,
  src: 0,
  offset: 0,
  imm: 0,
});

const wide = (dst: Register, src: number, low: number, high: number, map?: MapName): Instruction => ({
  opcode: LOAD_IMM64,
  dst: dst.register,
  src,
  offset: 0,
  imm: low | 0,
  immHigh: high | 0,
  ...(map !== undefined && { map }),
});

/** `dst =` a constant of 64 bits, given as a non-negative number that is exact (below 2^53). */
export function movWide(dst: Register, value: number): Instruction {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`constant ${value}: not an integer of 53 bits`);
  return wide(dst, 0, value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000));
}

/** `dst =` a constant of 64 bits from its halves. */
export const movHalves = (dst: Register, low: number, high: number): Instruction => wide(dst, 0, low, high);

/** `dst =` address of a map, as helpers want it. */
export const mapAddress = (dst: Register, map: MapName): Instruction => wide(dst, PSEUDO.MAP_FD, 0, 0, map);

/** `dst =` address of byte `offset` of the only value of an array map. */
export const mapValue = (dst: Register, map: MapName, offset = 0): Instruction =>
  wide(dst, PSEUDO.MAP_VALUE, 0, offset, map);
