import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { LiveRun } from '../../linux/bpf-test-run.ts';
import { interruptThread } from '../../linux/sched.ts';

/** Words that a runner shares with its owner. */
export const RUNNER = {
  /** The thread, as the kernel numbers it; 0 until it has started. */
  tid: 0,
  /** Calls asked for, and calls that have ended. */
  calls: 1,
  done: 2,
  /** What the last one gave: 0 or a negative errno. */
  result: 3,
} as const;

/** What a runner's thread is made with. */
export interface RunnerSetup {
  readonly cpu: number;
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly port: MessagePort;
}
export type RunnerMessage = LiveRun | 'exit';

/** The worker file beside this module, whether it runs as .ts or compiled .js. */
const workerUrl = new URL(`./runner-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
/** How long a thread may take to start. */
const START_MS = 5000;

/** A thread, pinned to a CPU, for calls that last as long as a run; who asks for them does not wait. */
export class Runner {
  readonly #words = new Int32Array(new SharedArrayBuffer(16));
  readonly #port: MessagePort;

  constructor(cpu: number) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const setup: RunnerSetup = { cpu, words: this.#words, port: port2 };
    new Worker(workerUrl, { workerData: setup, transferList: [port2] }).unref();
  }

  /** The thread, as the kernel numbers it; waits until it has started. */
  get tid(): number {
    Atomics.wait(this.#words, RUNNER.tid, 0, START_MS);
    const tid = Atomics.load(this.#words, RUNNER.tid);
    if (tid === 0) throw new Error('the thread for live frames did not start');
    return tid;
  }
  get busy(): boolean {
    return Atomics.load(this.#words, RUNNER.calls) !== Atomics.load(this.#words, RUNNER.done);
  }
  /** What the last call gave: 0 or a negative errno. */
  get result(): number {
    return Atomics.load(this.#words, RUNNER.result);
  }

  /** Begins a call; none may be under way. */
  begin(run: LiveRun): void {
    if (this.busy) throw new TypeError('a call is under way');
    this.#port.postMessage(run satisfies RunnerMessage);
    Atomics.add(this.#words, RUNNER.calls, 1);
    Atomics.notify(this.#words, RUNNER.calls);
  }

  /** Waits for the end of the call under way; gives what it gave. */
  wait(): number {
    while (this.busy) Atomics.wait(this.#words, RUNNER.done, Atomics.load(this.#words, RUNNER.calls) - 1);
    return this.result;
  }

  /** Interrupts the call under way, if it has got as far as the kernel. Gives whether it has ended. */
  interrupt(): boolean {
    if (this.busy) interruptThread(this.tid);
    return !this.busy;
  }

  /** Waits for the end of the call under way, interrupting it until then. */
  end(): void {
    while (!this.interrupt()) {
      const done = Atomics.load(this.#words, RUNNER.done);
      if (this.busy) Atomics.wait(this.#words, RUNNER.done, done, 1);
    }
  }

  /** Ends the thread. */
  close(): void {
    this.end();
    this.#port.postMessage('exit' satisfies RunnerMessage);
    Atomics.add(this.#words, RUNNER.calls, 1);
    Atomics.notify(this.#words, RUNNER.calls);
  }
}
