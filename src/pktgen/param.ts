import type { Kind } from './kind.ts';

/** Headings of `--help` and of the documentation. */
export type ParamGroup = 'run' | 'size' | 'addresses' | 'ports' | 'flows' | 'tags' | 'sending' | 'flags' | 'other';

/** A row of the table: everything the program knows about one device parameter by itself. */
export interface Param<T> {
  readonly kind: Kind<T>;
  readonly initial: NoInfer<T>;
  readonly doc: string;
  readonly group: ParamGroup;
  readonly unit?: string;
  /** Lines for a device file that show it; the documentation shows their packets. */
  readonly example: readonly string[];
  /** What the kernel stores, where that is not the value as written. */
  clamp?(value: T): T;
  /** The text after "OK: ", where that is not `name=value`. */
  echo?(value: T): string;
}
