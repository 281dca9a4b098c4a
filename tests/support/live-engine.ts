import { SharedMap } from '../../src/linux/bpf-map.ts';
import { monotonicNs, wallOffset } from '../../src/linux/clock.ts';
import { INTERRUPT_SIGNAL } from '../../src/linux/sched.ts';
import type { Engine, StatePatch, ThreadStart, TransmitJob } from '../../src/pktgen/engine.ts';
import { STATE } from '../../src/template/device-state.ts';
import { FLOW_TABLE_LEN } from '../../src/template/flow-table.ts';
import { DeviceMemory } from '../../src/transmit/device-memory.ts';
import { LiveThread } from '../../src/transmit/live/live-thread.ts';
import type { TestPair } from './netns.ts';

type PatchedJob = TransmitJob & { readonly patches: readonly StatePatch[] };

/** How long a run without end is left alone, ms. */
const ENDLESS_MS = 100;
const ignore = (): void => {};

/** Live frames on a pair, whatever link the model believes in: runs are over when start() returns. */
export class LiveEngine implements Engine, Disposable {
  readonly #memory = new DeviceMemory();
  readonly #flows = new SharedMap(FLOW_TABLE_LEN, 'test_flows');
  readonly #live: LiveThread;
  readonly #link: TransmitJob['link'];
  readonly #stopped: (id: number) => void;
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));

  constructor(pair: TestPair, stopped: (id: number) => void) {
    process.on(INTERRUPT_SIGNAL, ignore);
    this.#live = pair.near.run(() => new LiveThread(0, { now: monotonicNs, wallOffset, sleepUntil: ignore }));
    this.#link = { name: 'pg0', index: pair.nearLink.index, mtu: 1500, txQueues: 1, kind: 'veth' };
    this.#stopped = stopped;
  }

  newState(): Uint32Array {
    return this.#memory.take();
  }
  prepare(): void {}
  start(starts: readonly ThreadStart[]): void {
    const jobs: readonly PatchedJob[] = starts.flatMap((one) => one.jobs);
    const live = jobs.map((job) => {
      const share = this.#memory.share(job.state);
      if ('shared' in share) throw new Error('the state is in no map');
      return { job: { ...job, link: this.#link }, stateFd: share.fd, flowsFd: this.#flows.fd };
    });
    this.#live.start(live, ({ state, patches }) => {
      for (const [word, value] of patches) state[word] = value;
    });
    this.#live.begin();
    const until = monotonicNs() + ENDLESS_MS * 1e6;
    while (this.#live.active) {
      for (const id of this.#live.poll()) this.#stopped(id);
      const endless = jobs.filter(({ pace }) => pace.count === 0);
      if (monotonicNs() > until) for (const { state } of endless) state[STATE.stop] = 1;
      Atomics.wait(this.#pause, 0, 0, 1);
    }
  }
  update(): void {}
  stop(): void {}
  remove(): void {}
  returnTo(): void {}

  [Symbol.dispose](): void {
    this.#live.close();
    this.#memory.close();
    this.#flows[Symbol.dispose]();
    process.off(INTERRUPT_SIGNAL, ignore);
  }
}
