import type { FlowField } from './flow-key.ts';

/** How a receiver is to be. */
export interface ReceiverOptions {
  readonly ifindex: number;
  /** Flows that there is room for; each takes 5 kB. */
  readonly flows: number;
  /** What packets of a flow have in common. */
  readonly by: readonly FlowField[];
  /** Our packets go on to the stack too. */
  readonly pass: boolean;
  /** Measures latency, which takes time; without it packets are taken as if they carried none. */
  readonly latency?: boolean;
  /** Packets of ours to keep, from the first on. */
  readonly capture: number;
}

/** What a receiver has counted besides its flows. */
export interface ReceiverTotals {
  readonly ours: number;
  /** Frames of others, cut off ones, and fragments: they went on to the stack. */
  readonly foreign: number;
  readonly truncated: number;
  readonly fragment: number;
  /** Ours that are in no flow's record: there was no room for the flow, or another CPU had the record. */
  readonly overflow: number;
  readonly busy: number;
  /** Frames that came faster than they could be looked at. */
  readonly missed: number;
}

/** A packet that was kept. */
export interface KeptPacket {
  /** When it came, ns of the wall clock. */
  readonly at: bigint;
  /** Bytes that it had; `bytes` may hold fewer. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Measures what arrives on a link of this thread's namespace. */
export interface Receiver extends Disposable {
  /** How it does so, for people. */
  readonly how: string;
  readonly by: readonly FlowField[];
  /** Whether packets go on to the stack, wanted or not. */
  readonly passes: boolean;
  /** To be called about once a second: follows the wall clock, which may be set. */
  refresh(): void;
  /** Resolves when all that has arrived before is in the records. */
  settle(): Promise<void>;
  /** The record of each flow (RECORD), in the order in which they came: views that go on changing. */
  records(): BigUint64Array[];
  totals(): ReceiverTotals;
  /** Packets that were kept so far. */
  captured(): KeptPacket[];
}
