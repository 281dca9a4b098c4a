import type { WallOffset } from '../../src/linux/clock.ts';
import type { Engine, StatePatch, ThreadStart, TransmitJob } from '../../src/pktgen/engine.ts';
import { newDeviceState } from '../../src/template/device-state.ts';
import { newFlowTable } from '../../src/template/flow-table.ts';
import type { LoopClock } from '../../src/transmit/departures.ts';
import type { FrameQueue } from '../../src/transmit/frame-queue.ts';
import { MemoryQueue } from '../../src/transmit/memory-queue.ts';
import { nextToRun, Sender } from '../../src/transmit/send-loop.ts';

/** A frame that was sent, and when, ns. */
export interface SentFrame {
  readonly device: string;
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A clock that stands still but for `tick` ns at every look; sleeping takes it to the time asked for. */
export class FakeClock implements LoopClock {
  time = 1_000_000_000;
  tick = 100;
  now(): number {
    this.time += this.tick;
    return this.time;
  }
  wallOffset(): WallOffset {
    return { sec: 1_700_000_000, nsec: 0 };
  }
  sleepUntil(time: number): void {
    this.time = Math.max(this.time, time);
  }
}

/** The real send loop on one imagined thread: runs are over when start() returns, unless they have no end. */
export class LoopEngine implements Engine {
  readonly sent: SentFrame[] = [];
  readonly clock: FakeClock;
  senders: Sender[] = [];
  readonly #stopped: (id: number) => void;
  readonly #longestLoop: number;
  readonly #flows = new Map<number, ReturnType<typeof newFlowTable>>();
  /** Another queue than one that keeps the frames. */
  newQueue: ((job: TransmitJob) => FrameQueue) | undefined;

  constructor(stopped: (id: number) => void, clock = new FakeClock(), longestLoop = 100_000) {
    this.#stopped = stopped;
    this.clock = clock;
    this.#longestLoop = longestLoop;
  }

  readonly newState = newDeviceState;
  prepare(): void {}
  start(starts: readonly ThreadStart[]): void {
    this.senders = starts
      .flatMap(({ jobs }) => jobs)
      .map((job) => {
        for (const [word, value] of job.patches) job.state[word] = value;
        const take = (memory: Uint8Array, at: number, length: number): void => {
          this.sent.push({ device: job.name, at: this.clock.time, bytes: memory.slice(at, at + length) });
        };
        const flows = this.#flows.get(job.id) ?? newFlowTable();
        this.#flows.set(job.id, flows);
        return new Sender(job, this.newQueue?.(job) ?? new MemoryQueue(2048, { take }), flows, this.clock);
      });
    for (const sender of this.senders) sender.begin();
    this.go(this.#longestLoop);
  }
  /** Goes through the loop of the thread so many times, or until nothing runs. */
  go(times: number): void {
    for (let n = 0; n < times; n++) {
      const sender = nextToRun(this.senders);
      if (!sender) return;
      sender.send();
      if (!sender.running) this.#stopped(sender.job.id);
    }
  }
  update(_thread: number, job: TransmitJob, patches: readonly StatePatch[]): void {
    for (const [word, value] of patches) job.state[word] = value;
    this.senders.find((sender) => sender.job.id === job.id)?.update(job);
  }
  stop(): void {
    this.go(1);
  }
  remove(): void {}
  returnTo(): void {}
}
