import { alu, alu32, load, mov32, store } from '../ebpf/code.ts';
import { type Code, R0, R1, R2, R3, R4, R5, type Register } from '../ebpf/instruction.ts';
import { STATE } from './device-state.ts';

/**
 * The random source in registers R2 to R5 while a packet is made, R0 and R1 at hand: no helper may be called meanwhile. Draws are the same
 * as those of the JavaScript executor (xorshift128, Marsaglia 2003). The words change places with each draw, so code that
 * draws is written in the order in which it runs.
 */
export class RandomRegisters {
  #words: readonly [Register, Register, Register, Register] = [R2, R3, R4, R5];
  #drawn = false;

  /** Whether any code draws: only then the words have to be taken and put back. */
  get drawn(): boolean {
    return this.#drawn;
  }

  /** A draw of 32 bits into R0. */
  draw(): Code {
    const [x, y, z, w] = this.#words;
    this.#words = [y, z, w, x];
    this.#drawn = true;
    return [step(x, w), mov32(R0, x)];
  }

  /** The same for code that may run several times or not at all: words keep their places. */
  drawInPlace(): Code {
    const [x, y, z, w] = this.#words;
    this.#drawn = true;
    // The new word is made where the oldest was; all move up by one.
    return [step(x, w), mov32(R0, x), mov32(x, y), mov32(y, z), mov32(z, w), mov32(w, R0)];
  }

  /** A number below `n` into R0: the high word of the product of a draw and `n` (prandom_u32_max). */
  below(n: number): Code {
    return [this.draw(), highWord(n)];
  }
  belowInPlace(n: number): Code {
    return [this.drawInPlace(), highWord(n)];
  }

  /** Takes the words from the state at `state`. */
  static take(state: Register): Code {
    return [R2, R3, R4, R5].map((register, i) => load(register, 'u32', state, (STATE.random + i) * 4));
  }
  /** Puts them back, after all draws are written. */
  put(state: Register): Code {
    return this.#words.map((register, i) => store(state, (STATE.random + i) * 4, 'u32', register));
  }
}

/** x = (x ^ x << 11) ^ (x ^ x << 11) >> 8 ^ w ^ w >> 19. */
const step = (x: Register, w: Register): Code => [
  [mov32(R0, x), alu32(R0, '<<', 11), alu32(x, '^', R0)],
  [mov32(R0, x), alu32(R0, '>>', 8), alu32(x, '^', R0)],
  [mov32(R0, w), alu32(R0, '>>', 19), alu32(x, '^', R0), alu32(x, '^', w)],
];

/** R0 is a word: its upper half is 0, so the product is exact. */
const highWord = (n: number): Code =>
  n <= 0x7fff_ffff ? [alu(R0, '*', n), alu(R0, '>>', 32)] : [mov32(R1, n), alu(R0, '*', R1), alu(R0, '>>', 32)];
