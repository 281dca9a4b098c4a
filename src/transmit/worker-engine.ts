import { Worker } from 'node:worker_threads';
import { INTERRUPT_SIGNAL, interruptThread } from '../linux/sched.ts';
import type { Engine, EngineEvents, StatePatch, ThreadStart, TransmitJob } from '../pktgen/engine.ts';
import { STATE } from '../template/device-state.ts';
import { DeviceMemory } from './device-memory.ts';
import { LinkOpener } from './live/link-opener.ts';
import { newStartGate } from './start-gate.ts';
import {
  BELL,
  type PatchedJob,
  type PostedJob,
  type ThreadMessage,
  type ThreadReport,
  type ThreadSetup,
} from './thread-message.ts';

/** The worker file beside this module, whether it runs as .ts or compiled .js. */
const workerUrl = new URL(`./tx-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** How long workers get to end by themselves. */
const CLOSE_MS = 1000;

/** The worker of a thread, and the states of the devices that it has. */
interface Thread {
  readonly worker: Worker;
  readonly bell: Int32Array<SharedArrayBuffer>;
  readonly states: Map<number, Uint32Array>;
  readonly ended: Promise<void>;
}

/** Does something in the network namespace of an engine. */
export type Inside = <T>(act: () => T) => T;

/** Runs each kpktgend thread in a worker of its own, all of them in one network namespace. */
export class WorkerEngine implements Engine {
  readonly #threads = new Map<number, Thread>();
  readonly #memory = new DeviceMemory();
  readonly #links: LinkOpener;
  readonly #pcap: string | undefined;
  readonly #events: EngineEvents;
  readonly #inside: Inside;
  #closing = false;

  /**
   * `pcap`: a file that all packets go to instead of links. `inside`: into the namespace that the links are in; a thread
   * stays in the one that it was started in.
   */
  constructor(pcap: string | undefined, events: EngineEvents, inside: Inside = (act) => act()) {
    this.#inside = inside;
    this.#pcap = pcap;
    this.#events = events;
    this.#links = new LinkOpener((line) => events.onLog(line));
    process.on(INTERRUPT_SIGNAL, ignore);
    process.on('exit', this.#abandon);
  }

  newState(): Uint32Array {
    return this.#memory.take();
  }

  prepare(thread: number): void {
    this.#thread(thread);
  }

  start(starts: readonly ThreadStart[]): void {
    const gate = starts.length > 1 ? newStartGate(starts.length) : undefined;
    for (const { thread, jobs } of starts) {
      const { states } = this.#thread(thread);
      for (const job of jobs) {
        states.set(job.id, job.state);
        if (this.#pcap === undefined && this.#memory.refused === undefined) this.#inside(() => this.#links.open(job));
      }
      this.#tell(thread, { kind: 'start', jobs: jobs.map((job) => this.#post(job)), ...(gate && { gate }) });
    }
  }

  update(thread: number, job: TransmitJob, patches: readonly StatePatch[]): void {
    this.#tell(thread, { kind: 'update', job: this.#post({ ...job, patches }) });
  }

  stop(thread: number, ids: readonly number[]): void {
    const { states, bell } = this.#thread(thread);
    for (const id of ids) {
      const state = states.get(id);
      if (state) Atomics.store(state, STATE.stop, 1);
    }
    ring(bell);
  }

  remove(thread: number, id: number, state: Uint32Array): void {
    this.#threads.get(thread)?.states.delete(id);
    if (this.#threads.has(thread)) this.#tell(thread, { kind: 'remove', id });
    this.#memory.release(state);
  }

  returnTo(thread: number): void {
    if (this.#threads.has(thread)) this.#tell(thread, { kind: 'return' });
  }

  /** A job as it goes to a worker: memory is not copied. */
  #post({ state, ...job }: PatchedJob): PostedJob {
    return { ...job, share: this.#memory.share(state) };
  }

  #stopped(id: number): void {
    this.#links.release(id);
    this.#events.onStopped(id);
  }

  #tell(thread: number, message: ThreadMessage): void {
    const { worker, bell } = this.#thread(thread);
    worker.postMessage(message);
    ring(bell);
  }

  #thread(cpu: number): Thread {
    const known = this.#threads.get(cpu);
    if (known) return known;
    const bell = new Int32Array(new SharedArrayBuffer(8));
    const setup: ThreadSetup = { cpu, bell, pcap: this.#pcap, noMaps: this.#memory.refused };
    const worker = this.#inside(() => new Worker(workerUrl, { workerData: setup }));
    const states = new Map<number, Uint32Array>();
    worker.on('message', (report: ThreadReport) => {
      if ('log' in report) this.#events.onLog(report.log, cpu);
      else if ('chosen' in report) this.#events.onChosen(report.chosen, report.name, report.why);
      else this.#stopped(report.stopped);
    });
    worker.on('error', (error) => {
      halt({ bell, states });
      this.#events.onLog(`ERROR: thread kpktgend_${cpu} died: ${error.stack ?? error.message}`, cpu);
    });
    const ended = new Promise<void>((resolve) => worker.on('exit', () => resolve()));
    const thread = { worker, bell, states, ended };
    void ended.then(() => this.#forget(cpu, states));
    this.#threads.set(cpu, thread);
    return thread;
  }

  /** A worker that ended takes the runs of its devices with it; the next start makes another. */
  #forget(cpu: number, states: ReadonlyMap<number, Uint32Array>): void {
    this.#threads.delete(cpu);
    if (this.#closing) return;
    for (const [id, state] of states) {
      Atomics.store(state, STATE.running, 0);
      this.#stopped(id);
    }
  }

  /** The process ends without close(), by a mistake: nothing goes on sending, and no call keeps the process from ending. */
  readonly #abandon = (): void => {
    for (const thread of this.#threads.values()) halt(thread);
  };

  /** Ends all workers; rings and files are closed when this resolves. */
  async close(): Promise<void> {
    this.#closing = true;
    const threads = [...this.#threads.values()];
    for (const { worker, bell, states } of threads) {
      for (const state of states.values()) Atomics.store(state, STATE.stop, 1);
      worker.postMessage({ kind: 'exit' } satisfies ThreadMessage);
      ring(bell);
    }
    const timeout = setTimeout(() => {
      for (const { worker } of threads) void worker.terminate();
    }, CLOSE_MS);
    await Promise.all(threads.map((thread) => thread.ended));
    clearTimeout(timeout);
    process.off(INTERRUPT_SIGNAL, ignore);
    process.off('exit', this.#abandon);
    this.#links.close();
    this.#memory.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Ends what a thread sends without its help: the program of live frames sees the stop, its call is interrupted. */
function halt({ bell, states }: Pick<Thread, 'bell' | 'states'>): void {
  for (const state of states.values()) Atomics.store(state, STATE.stop, 1);
  const runner = Atomics.load(bell, BELL.runner);
  if (runner !== 0) interruptThread(runner);
}

/** A signal without a handler would end the process. */
const ignore = (): void => {};

/** Wakes a worker that waits. */
function ring(bell: Int32Array<SharedArrayBuffer>): void {
  Atomics.add(bell, BELL.rung, 1);
  Atomics.notify(bell, BELL.rung);
}
