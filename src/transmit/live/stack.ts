/** Where a program of live frames keeps things while helpers run: offsets from the end of its stack. */
export const STACK = {
  /** The program's context. */
  context: -8,
  /** How often the program ran before. */
  turn: -16,
} as const;
