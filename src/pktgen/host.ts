import type { Engine } from './engine.ts';
import type { Link } from './link.ts';

/** The machine as the model sees it: links, time, log, and what runs the threads. */
export interface Host {
  /** CPUs that get a kpktgend thread. */
  readonly cpus: readonly number[];
  readonly engine: Engine;
  /** A link as it is now; undefined when there is none. */
  findLink(name: string): Link | undefined;
  linkByIndex(index: number): Link | undefined;
  nodePossible(node: number): boolean;
  /** ktime_get(): CLOCK_MONOTONIC in ns. */
  now(): number;
  /** Resolves after so many milliseconds, or as soon as the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** 32 random bits. */
  random(): number;
  /** A line of the module, as it would stand in the kernel log. */
  log(line: string): void;
}
