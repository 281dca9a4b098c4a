import type { SecurityAssociation } from '../ipsec/security-association.ts';
import type { Engine } from './engine.ts';
import type { Link } from './link.ts';
import type { LogEntry } from './log-entry.ts';

/** The machine as the model sees it: links, time, log, and what runs the threads. */
export interface Host {
  /** CPUs that get a kpktgend thread at first. */
  readonly cpus: readonly number[];
  readonly engine: Engine;
  /** A link as it is now; undefined when there is none. */
  findLink(name: string): Link | undefined;
  linkByIndex(index: number): Link | undefined;
  nodePossible(node: number): boolean;
  /** Security associations of its namespace, in the order in which they are looked at. */
  associations(): readonly SecurityAssociation[];
  /** ktime_get(): CLOCK_MONOTONIC in ns. */
  now(): number;
  /** Resolves after so many milliseconds, or as soon as the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** 32 random bits. */
  random(): number;
  /** Something for the log: the line as the kernel log would have it, and what it is about. */
  log(line: string, entry: LogEntry): void;
}
