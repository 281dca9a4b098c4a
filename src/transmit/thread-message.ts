import type { StatePatch, TransmitJob } from '../pktgen/engine.ts';
import type { StateShare } from './device-memory.ts';

/** What a worker shares with the engine. */
export const BELL = {
  /** Counts messages and stops. */
  rung: 0,
  /** The thread that runs live frames, as the kernel numbers it; 0 while there is none. */
  runner: 1,
} as const;

/** What a worker is made with. */
export interface ThreadSetup {
  readonly cpu: number;
  /** Words of BELL; the worker waits for the first one to change. */
  readonly bell: Int32Array<SharedArrayBuffer>;
  /** All packets go to this pcap file instead of links. */
  readonly pcap: string | undefined;
  /** Why there are no maps for live frames. */
  readonly noMaps: string | undefined;
}

/** A job and the state words to set when it is taken up. */
export type PatchedJob = TransmitJob & { readonly patches: readonly StatePatch[] };
/** The same on its way to a worker. */
export type PostedJob = Omit<PatchedJob, 'state'> & { readonly share: StateShare };

/** What a worker is told. */
export type ThreadMessage =
  | {
      readonly kind: 'start';
      readonly jobs: readonly PostedJob[];
      /** Where several threads start together: memory of their gate. */
      readonly gate?: SharedArrayBuffer;
    }
  /** The thread's CPU is there again. */
  | { readonly kind: 'return' }
  | { readonly kind: 'update'; readonly job: PostedJob }
  | { readonly kind: 'remove'; readonly id: number }
  | { readonly kind: 'exit' };

/** What it tells. */
export type ThreadReport =
  | { readonly stopped: number }
  | { readonly log: string }
  /** How a device sends, when its run begins or that changes. */
  | { readonly chosen: number; readonly name: string; readonly why: string };
