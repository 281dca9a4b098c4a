/** Words of a gate: threads that are not ready yet, and whether it is open. */
const GATE = { missing: 0, open: 1 } as const;
/** Behind them: the time at which all begin, as a 64-bit float. */
const TIME_AT = 8;

/** From the moment that the last thread is ready until all begin, ns: time enough for each to be woken. */
const LEAD_NS = 10e6;
/** How long a thread waits for the others, ms: one of them may have died. */
const PATIENCE_MS = 1000;
/** The last of the wait is spent looking at the clock, ns. */
const SPIN_NS = 100_000;

/** Memory of a gate for so many threads. */
export function newStartGate(threads: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(16);
  new Int32Array(memory)[GATE.missing] = threads;
  return memory;
}

/**
 * Lets threads that start together begin together: opening rings and the kernel's making of live frames take each of them
 * another time, milliseconds apart. The last to be ready sets the time. Each thread has a gate of its own on the same memory.
 */
export class StartGate {
  readonly #words: Int32Array;
  readonly #time: Float64Array;
  readonly #now: () => number;

  constructor(memory: SharedArrayBuffer, now: () => number) {
    this.#words = new Int32Array(memory);
    this.#time = new Float64Array(memory, TIME_AT, 1);
    this.#now = now;
  }

  /** This thread is ready: waits until all are, and gives the ktime at which to begin, ns. To be called once. */
  arrive(): number {
    if (Atomics.sub(this.#words, GATE.missing, 1) === 1) this.#open();
    else if (Atomics.wait(this.#words, GATE.open, 0, PATIENCE_MS) === 'timed-out') this.#open();
    return this.#time[0] ?? 0;
  }

  #open(): void {
    this.#time[0] = this.#now() + LEAD_NS;
    Atomics.store(this.#words, GATE.open, 1);
    Atomics.notify(this.#words, GATE.open);
  }

  /** Waits for that time. */
  waitUntil(time: number): void {
    const ms = (time - SPIN_NS - this.#now()) / 1e6;
    if (ms > 0) Atomics.wait(this.#words, GATE.open, 1, ms);
    while (this.#now() < time);
  }
}
