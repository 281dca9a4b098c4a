import { allowedCpus } from './sched.ts';

/** From one look to the next, ms. */
const LOOK_MS = 1000;

/**
 * Tells when other CPUs are there for this process than before: one was taken offline or brought online, a cpuset or
 * taskset has changed. It looks every second: the kernel's uevents would tell of the first only.
 */
export class CpuMonitor implements Disposable {
  readonly #timer: NodeJS.Timeout;

  /** `look`: the CPUs that are there now. */
  constructor(onChanged: (cpus: readonly number[]) => void, look: () => readonly number[] = allowedCpus) {
    let known = look().join();
    this.#timer = setInterval(() => {
      const cpus = look();
      const now = cpus.join();
      if (now === known) return;
      known = now;
      onChanged(cpus);
    }, LOOK_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
