/** Registers, R0 to R10: R0 holds results, R1 to R5 arguments, R6 to R9 survive calls, R10 is the end of the stack. */
export type Register = { readonly register: number };
const register = (number: number): Register => ({ register: number });
export const R0 = register(0);
export const R1 = register(1);
export const R2 = register(2);
export const R3 = register(3);
export const R4 = register(4);
export const R5 = register(5);
export const R6 = register(6);
export const R7 = register(7);
export const R8 = register(8);
export const R9 = register(9);
export const R10 = register(10);

/** A place in a program to jump to; stands in the code itself. */
export type Label = { readonly label: string };

/** A map of the program, named until it is loaded. */
export type MapName = string;

/** An instruction before it is encoded (RFC 9669): its opcode and fields, what it jumps to, the map that it is about. */
export interface Instruction {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  /** 16 bits, signed. */
  readonly offset: number;
  /** 32 bits. */
  readonly imm: number;
  /** Where it jumps to; becomes the offset. */
  readonly target?: Label;
  /** Second half of a 64-bit immediate. */
  readonly immHigh?: number;
  /** The map whose descriptor the immediate becomes. */
  readonly map?: MapName;
}

/** A program as it is written down: instructions, labels, and parts that are code themselves. */
export type Code = readonly (Instruction | Label | Code)[];

/** A register or a constant of 32 bits, which is sign-extended in 64-bit operations. */
export type Operand = Register | number;

/** Instruction classes (RFC 9669, section 3). */
export const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;
/** Bit that says that the operand is a register. */
export const SOURCE_REGISTER = 0x08;
/** Arithmetic operations (RFC 9669, section 4.1), unsigned. */
export const ALU_OP = {
  '+': 0x00,
  '-': 0x10,
  '*': 0x20,
  '/': 0x30,
  '|': 0x40,
  '&': 0x50,
  '<<': 0x60,
  '>>': 0x70,
  neg: 0x80,
  '%': 0x90,
  '^': 0xa0,
  '=': 0xb0,
  '>>s': 0xc0,
  swap: 0xd0,
} as const;
/** Conditions of jumps (RFC 9669, section 4.3), unsigned but for those with an `s`. */
export const JUMP_OP = {
  always: 0x00,
  '==': 0x10,
  '>': 0x20,
  '>=': 0x30,
  '&': 0x40,
  '!=': 0x50,
  's>': 0x60,
  's>=': 0x70,
  call: 0x80,
  exit: 0x90,
  '<': 0xa0,
  '<=': 0xb0,
  's<': 0xc0,
  's<=': 0xd0,
} as const;
/** Sizes of memory operations (RFC 9669, section 5). */
export const SIZE = { u32: 0x00, u16: 0x08, u8: 0x10, u64: 0x18 } as const;
export type Size = keyof typeof SIZE;
/** Mode of ordinary memory operations. */
export const MODE_MEM = 0x60;
/** Mode of atomic memory operations, and which there are: all but `+` leave the old value in a register. */
export const MODE_ATOMIC = 0xc0;
export const ATOMIC_OP = { '+': 0x00, fetchAdd: 0x01, exchange: 0xe1, compareExchange: 0xf1 } as const;
export type AtomicOp = keyof typeof ATOMIC_OP;
/** `lddw`: a constant of 64 bits; what its source register says of it (linux/bpf.h). */
export const LOAD_IMM64 = 0x18;
export const PSEUDO = { MAP_FD: 1, MAP_VALUE: 2 } as const;

export type AluOp = '+' | '-' | '*' | '/' | '|' | '&' | '<<' | '>>' | '%' | '^' | '=' | '>>s';
export type Condition = '==' | '>' | '>=' | '&' | '!=' | 's>' | 's>=' | '<' | '<=' | 's<' | 's<=';
