import { Worker } from 'node:worker_threads';
import type { Engine, EngineEvents, StatePatch, TransmitJob } from '../pktgen/engine.ts';
import { STATE } from '../template/device-state.ts';
import type { TransmitterName, TransmitterOptions } from './open-queue.ts';
import type { PatchedJob, ThreadMessage, ThreadReport, ThreadSetup } from './thread-message.ts';

/** The worker file beside this module, whether it runs as .ts or compiled .js. */
const workerUrl = new URL(`./tx-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** How long workers get to end by themselves. */
const CLOSE_MS = 1000;

/** The worker of a thread, and the states of the devices that it has. */
interface Thread {
  readonly worker: Worker;
  readonly bell: Int32Array<SharedArrayBuffer>;
  readonly states: Map<number, Uint32Array<SharedArrayBuffer>>;
  readonly ended: Promise<void>;
}

/** Runs each kpktgend thread in a worker of its own, in the network namespace of the thread that made this. */
export class WorkerEngine implements Engine {
  readonly #threads = new Map<number, Thread>();
  readonly #transmitter: TransmitterName;
  readonly #options: TransmitterOptions;
  readonly #events: EngineEvents;
  #closing = false;

  constructor(transmitter: TransmitterName, options: TransmitterOptions, events: EngineEvents) {
    this.#transmitter = transmitter;
    this.#options = options;
    this.#events = events;
  }

  prepare(thread: number): void {
    this.#thread(thread);
  }

  start(thread: number, jobs: readonly PatchedJob[]): void {
    const { states } = this.#thread(thread);
    for (const job of jobs) states.set(job.id, job.state);
    this.#tell(thread, { kind: 'start', jobs });
  }

  update(thread: number, job: TransmitJob, patches: readonly StatePatch[]): void {
    this.#tell(thread, { kind: 'update', job: { ...job, patches } });
  }

  stop(thread: number, ids: readonly number[]): void {
    const { states, bell } = this.#thread(thread);
    for (const id of ids) {
      const state = states.get(id);
      if (state) Atomics.store(state, STATE.stop, 1);
    }
    ring(bell);
  }

  remove(thread: number, id: number): void {
    this.#threads.get(thread)?.states.delete(id);
    if (this.#threads.has(thread)) this.#tell(thread, { kind: 'remove', id });
  }

  #tell(thread: number, message: ThreadMessage): void {
    const { worker, bell } = this.#thread(thread);
    worker.postMessage(message);
    ring(bell);
  }

  #thread(cpu: number): Thread {
    const known = this.#threads.get(cpu);
    if (known) return known;
    const bell = new Int32Array(new SharedArrayBuffer(4));
    const setup: ThreadSetup = { cpu, bell, transmitter: this.#transmitter, options: this.#options };
    const worker = new Worker(workerUrl, { workerData: setup });
    const states = new Map<number, Uint32Array<SharedArrayBuffer>>();
    worker.on('message', (report: ThreadReport) => {
      if ('log' in report) this.#events.onLog(report.log);
      else this.#events.onStopped(report.stopped);
    });
    worker.on('error', (error) =>
      this.#events.onLog(`ERROR: thread kpktgend_${cpu} died: ${error.stack ?? error.message}`),
    );
    const ended = new Promise<void>((resolve) => worker.on('exit', () => resolve()));
    const thread = { worker, bell, states, ended };
    void ended.then(() => this.#forget(cpu, states));
    this.#threads.set(cpu, thread);
    return thread;
  }

  /** A worker that ended takes the runs of its devices with it; the next start makes another. */
  #forget(cpu: number, states: ReadonlyMap<number, Uint32Array<SharedArrayBuffer>>): void {
    this.#threads.delete(cpu);
    if (this.#closing) return;
    for (const [id, state] of states) {
      Atomics.store(state, STATE.running, 0);
      this.#events.onStopped(id);
    }
  }

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
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Wakes a worker that waits. */
function ring(bell: Int32Array<SharedArrayBuffer>): void {
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
}
