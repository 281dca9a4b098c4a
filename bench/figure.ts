/** A figure, printed as one JSON line. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What we want it to be: at least, or at most. */
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
  /** What else was measured in the same run. */
  readonly note?: string;
  /** What the value was worked out from, packets per second. */
  readonly pps?: Readonly<Record<string, number>>;
}

/** A figure that cannot be measured here, and why. */
export interface Skipped {
  readonly name: string;
  readonly skipped: string;
}

/** Whether the goal is reached; true without one. */
export const reached = ({ value, goal }: Figure): boolean =>
  goal === undefined || ('atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost);

/** A figure as it is printed; a goal that is missed is marked, not failed: the machines are shared and noisy. */
export const rounded = (figure: Figure | Skipped): object =>
  'value' in figure ? { ...figure, value: Number(figure.value.toPrecision(4)), reached: reached(figure) } : figure;

/** The middle of some measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
