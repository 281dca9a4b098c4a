import type { StatePatch, TransmitJob } from '../pktgen/engine.ts';
import type { TransmitterName, TransmitterOptions } from './open-queue.ts';

/** What a worker is made with. */
export interface ThreadSetup {
  readonly cpu: number;
  /** Word 0 counts messages and stops; the worker waits for it to change. */
  readonly bell: Int32Array<SharedArrayBuffer>;
  readonly transmitter: TransmitterName;
  readonly options: TransmitterOptions;
}

/** A job and the state words to set when it is taken up. */
export type PatchedJob = TransmitJob & { readonly patches: readonly StatePatch[] };

/** What a worker is told. */
export type ThreadMessage =
  | { readonly kind: 'start'; readonly jobs: readonly PatchedJob[] }
  | { readonly kind: 'update'; readonly job: PatchedJob }
  | { readonly kind: 'remove'; readonly id: number }
  | { readonly kind: 'exit' };

/** What it tells. */
export type ThreadReport = { readonly stopped: number } | { readonly log: string };
