import type { WallOffset } from '../linux/clock.ts';
import type { Pace } from '../pktgen/engine.ts';
import { addU64, STATE } from '../template/device-state.ts';

/** Time and waiting, as the loop needs them. */
export interface LoopClock {
  /** ktime, ns. */
  now(): number;
  /** What the wall clock is ahead of ktime, which is `now`; cheap enough for every packet. */
  wallOffset(now: number): WallOffset;
  /** Sleeps until about this ktime, at the latest; returns earlier when there is a message or a stop. */
  sleepUntil(time: number): void;
}

/** Packets between two looks at messages and stops, and where each packet takes long to make. */
export const CHUNK = 128;
export const SLOW_CHUNK = 32;
/** Below this, waiting is looking at the clock; above, sleeping up to this long before the time (spin() of the kernel). */
export const SPIN_NS = 100_000;
/** How long a device that never sends sleeps between two looks at its state. */
const NEVER_LOOK_NS = 1e9;
const NEVER_NS = 2 ** 62;

/** When a device's packets leave: a schedule that does not drift, and waiting for it. */
export class Departures {
  readonly #clock: LoopClock;
  /** ktime of the next departure. */
  next = 0;

  constructor(clock: LoopClock) {
    this.#clock = clock;
  }

  /** A pace that never sends may have become one that does. */
  paceChanged(): void {
    if (this.next === NEVER_NS) this.next = this.#clock.now();
  }

  /** Departures that were due and found no room: they are due again. */
  giveBack(packets: number, { delayNs }: Pace): void {
    this.next -= packets * delayNs;
  }

  /** How many packets (bursts of them) may leave now; waits for the first of them. 0: a stop or message came first. */
  due({ delayNs, burst }: Pace, state: Uint32Array, most = CHUNK): number {
    if (delayNs === 0) return Math.max(1, Math.ceil(most / Math.max(burst, 1)));
    if (delayNs === Number.POSITIVE_INFINITY) return this.#never();
    // The first packet of a device does not wait, nor count as a departure.
    if (state[STATE.lastOk] === 0) return 1;
    const now = this.#clock.now();
    let reached = now;
    if (now < this.next) {
      reached = this.#wait(now);
      addU64(state, STATE.idle, reached - now);
      if (reached < this.next) return 0;
    }
    // What is late goes at once, packet behind packet, as the kernel catches up.
    const due = Math.min(most, Math.floor((reached - this.next) / delayNs) + 1);
    this.next += due * delayNs;
    return due;
  }

  #never(): number {
    this.next = NEVER_NS;
    this.#clock.sleepUntil(this.#clock.now() + NEVER_LOOK_NS);
    return 0;
  }

  /** Waits for the departure; returns the time at which it ended, before the departure when something came up. */
  #wait(from: number): number {
    let now = from;
    if (this.next - now > SPIN_NS) {
      this.#clock.sleepUntil(this.next - SPIN_NS);
      now = this.#clock.now();
      if (this.next - now > SPIN_NS) return now;
    }
    while (now < this.next) now = this.#clock.now();
    return now;
  }
}
