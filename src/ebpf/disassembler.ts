import { INSTRUCTION_LEN } from './assembler.ts';
import { HELPER } from './helper-function.ts';
import {
  ALU_OP,
  ATOMIC_OP,
  CLASS,
  JUMP_OP,
  LOAD_IMM64,
  MODE_ATOMIC,
  PSEUDO,
  SIZE,
  SOURCE_REGISTER,
} from './instruction.ts';

/** An instruction as it stands in a program. */
interface Decoded {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
}

const keyOf = (table: Readonly<Record<string, number>>, value: number): string | undefined =>
  Object.entries(table).find(([, code]) => code === value)?.[0];

const signed = (offset: number): string => (offset < 0 ? `- ${-offset}` : `+ ${offset}`);

/**
 * A listing of a program, a line for each instruction, in the notation of the kernel's verifier: `3: r0 += r1`. What is no
 * instruction shows as `unknown` with its opcode. The length of `bytes` must be a multiple of 8, else RangeError.
 */
export function disassemble(bytes: Uint8Array): string[] {
  if (bytes.byteLength % INSTRUCTION_LEN !== 0) throw new RangeError(`${bytes.byteLength} bytes: not a multiple of 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  for (let slot = 0; slot < bytes.byteLength / INSTRUCTION_LEN; slot++) {
    const at = slot * INSTRUCTION_LEN;
    const registers = view.getUint8(at + 1);
    const instruction = {
      opcode: view.getUint8(at),
      dst: registers & 15,
      src: registers >> 4,
      offset: view.getInt16(at + 2, true),
      imm: view.getInt32(at + 4, true),
    };
    if (instruction.opcode === LOAD_IMM64 && at + INSTRUCTION_LEN < bytes.byteLength) {
      lines.push(`${slot}: ${wide(instruction, view.getInt32(at + INSTRUCTION_LEN + 4, true))}`);
      slot++;
    } else lines.push(`${slot}: ${textOf(instruction, slot)}`);
  }
  return lines;
}

function wide({ dst, src, imm }: Decoded, high: number): string {
  if (src === PSEUDO.MAP_FD) return `r${dst} = map[${imm}]`;
  if (src === PSEUDO.MAP_VALUE) return `r${dst} = map[${imm}] value + ${high}`;
  return `r${dst} = 0x${((BigInt(high >>> 0) << 32n) | BigInt(imm >>> 0)).toString(16)} ll`;
}

function textOf(instruction: Decoded, slot: number): string {
  const unknown = `unknown 0x${instruction.opcode.toString(16).padStart(2, '0')}`;
  switch (instruction.opcode & 7) {
    case CLASS.ALU:
    case CLASS.ALU64:
      return aluText(instruction) ?? unknown;
    case CLASS.JMP:
    case CLASS.JMP32:
      return jumpText(instruction, slot) ?? unknown;
    case CLASS.LDX:
    case CLASS.ST:
    case CLASS.STX:
      return memoryText(instruction) ?? unknown;
    default:
      return unknown;
  }
}

function aluText({ opcode, dst, src, imm }: Decoded): string | undefined {
  const name = keyOf(ALU_OP, opcode & 0xf0);
  const to = `${(opcode & 7) === CLASS.ALU ? 'w' : 'r'}${dst}`;
  if (name === undefined) return undefined;
  if (name === 'swap') return `r${dst} = ${opcode & SOURCE_REGISTER ? 'be' : 'le'}${imm} r${dst}`;
  if (name === 'neg') return `${to} = -${to}`;
  const operand = opcode & SOURCE_REGISTER ? `${to[0]}${src}` : String(imm);
  return name === '=' ? `${to} = ${operand}` : `${to} ${name === '>>s' ? 's>>' : name}= ${operand}`;
}

function jumpText({ opcode, dst, src, offset, imm }: Decoded, slot: number): string | undefined {
  const name = keyOf(JUMP_OP, opcode & 0xf0);
  const target = `goto ${slot + 1 + offset}`;
  if (name === 'exit') return 'exit';
  if (name === 'call') return `call ${keyOf(HELPER, imm) ?? 'helper'}#${imm}`;
  if (name === 'always') return target;
  if (name === undefined) return undefined;
  const bank = (opcode & 7) === CLASS.JMP32 ? 'w' : 'r';
  return `if ${bank}${dst} ${name} ${opcode & SOURCE_REGISTER ? `${bank}${src}` : imm} ${target}`;
}

function memoryText({ opcode, dst, src, offset, imm }: Decoded): string | undefined {
  const size = keyOf(SIZE, opcode & 0x18);
  if (size === undefined) return undefined;
  if ((opcode & 0xe0) === MODE_ATOMIC && (opcode & 7) === CLASS.STX) {
    const op = keyOf(ATOMIC_OP, imm);
    return op === undefined ? undefined : `lock *(${size} *)(r${dst} ${signed(offset)}) ${op} r${src}`;
  }
  if ((opcode & 0xe0) !== 0x60) return undefined;
  const place = (base: number): string => `*(${size} *)(r${base} ${signed(offset)})`;
  if ((opcode & 7) === CLASS.LDX) return `r${dst} = ${place(src)}`;
  return `${place(dst)} = ${(opcode & 7) === CLASS.STX ? `r${src}` : imm}`;
}
