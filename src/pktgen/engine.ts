import type { PacketTemplate } from '../template/packet-template.ts';
import type { Link } from './link.ts';

/** How a device is to send: as fast as the link and the configuration allow, or in a certain way. */
export const TRANSMITTER_CHOICES = ['auto', 'live', 'xsk', 'xsk_zc', 'ring', 'null'] as const;
export type TransmitterChoice = (typeof TRANSMITTER_CHOICES)[number];

/** Where packets enter the stack (xmit_mode). */
export type XmitMode = 'start_xmit' | 'netif_receive' | 'queue_xmit';

/** Transmit queues of a link, both ends included. */
export interface QueueRange {
  readonly first: number;
  readonly last: number;
}

/** When packets leave and how often each is sent. */
export interface Pace {
  /** Packets to send; 0: until stopped. */
  readonly count: number;
  /** From departure to departure, ns; Infinity: never send. */
  readonly delayNs: number;
  /** A packet is handed over this often at once; at least 1. */
  readonly burst: number;
  /** A packet is handed over this often before the next is made; 0 and below count as 1. */
  readonly cloneSkb: number;
}

/** A run of a device as its thread needs to know it: plain data, posted to the worker. */
export interface TransmitJob {
  /** The device, for as long as it exists. */
  readonly id: number;
  /** Its name, `eth0@1`. */
  readonly name: string;
  readonly link: Pick<Link, 'name' | 'index' | 'mtu' | 'kind' | 'txQueues'>;
  /** The device's shared state, laid out as STATE says. */
  readonly state: Uint32Array;
  readonly template: PacketTemplate;
  readonly pace: Pace;
  readonly mode: XmitMode;
  readonly skbPriority: number;
  /** Fragments that a packet is handed over in. They do not change its bytes. */
  readonly frags: number;
  /** The transmit queues that it asks for; undefined: whichever. */
  readonly queues: QueueRange | undefined;
  /** The NUMA node that its packets are to lie on; undefined: that of the thread's CPU. */
  readonly node: number | undefined;
  /** How it is to send, as configured. */
  readonly transmitter: TransmitterChoice;
}

/** A state word to set and its value: what a parameter written during a run changes besides the template. */
export type StatePatch = readonly [word: number, value: number];

/** Runs that a thread is to begin, in the order of its list. */
export interface ThreadStart {
  readonly thread: number;
  readonly jobs: readonly (TransmitJob & { readonly patches: readonly StatePatch[] })[];
}

/** What runs the kpktgend threads. The model decides, the engine sends. Its calls return at once. */
export interface Engine {
  /** Memory for the state of a device, until it is removed. All zeros. */
  newState(): Uint32Array;
  /** A thread got its first device: make ready so that a start loses no time. */
  prepare(thread: number): void;
  /**
   * Begins runs, on all these threads at the same time. Whoever sends sets startedAt and nextTx to now, and at the end of
   * a run stoppedAt, then running to 0, and then tells `onStopped`. A device that is running begins anew with the patches
   * applied.
   */
  start(starts: readonly ThreadStart[]): void;
  /** Goes on with another template and pace after these patches; no packet is lost or sent twice. */
  update(thread: number, job: TransmitJob, patches: readonly StatePatch[]): void;
  /** Ends runs within 2 ms, also those that wait for a departure. `onStopped` tells when. */
  stop(thread: number, ids: readonly number[]): void;
  /** Forgets a device that does not run: frees its ring, and its state for another device. */
  remove(thread: number, id: number, state: Uint32Array): void;
  /** The CPU of a thread, which had gone, is there again: the thread goes back to it. */
  returnTo(thread: number): void;
}

/** What an engine tells the model. */
export interface EngineEvents {
  onStopped(id: number): void;
  /** How a device sends and why so; told when a run begins, and when that changes. */
  onChosen(id: number, transmitter: string, why: string): void;
  /** A line for the log; one about a device begins with its name. */
  onLog(line: string, thread?: number): void;
}
