import { load, store, toBigEndian } from '../ebpf/code.ts';
import { type Code, R0, R6, R7, type Register } from '../ebpf/instruction.ts';
import type { FrameField } from './field-modifier.ts';

/** Offset of a word of the state, for memory operations with R7. */
export const word = (state: number): number => state * 4;
/** `register` = a word of the state. */
export const take = (register: Register, state: number): Code => [load(register, 'u32', R7, word(state))];
/** A word of the state = a register, or a constant. */
export const keep = (state: number, register: Register | number): Code => [store(R7, word(state), 'u32', register)];

/** Writes R0 into a field of the frame; R0 is lost. */
export const put = ({ offset, width }: FrameField): Code =>
  width === 2
    ? [toBigEndian(R0, 16), store(R6, offset, 'u16', R0)]
    : [toBigEndian(R0, 32), store(R6, offset, 'u32', R0)];

const swap16 = (value: number): number => ((value & 0xff) << 8) | ((value >> 8) & 0xff);

/** Writes a constant of 16 bits. */
export const putConstant = (offset: number, value: number): Code => [store(R6, offset, 'u16', swap16(value & 0xffff))];
