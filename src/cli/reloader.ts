/** Something that a service can do again while it goes on: what was read once is read again. */
export type ReloadHook = () => void | Promise<void>;

/** What is told of a reload. */
export interface ReloadEvents {
  onBegin(): void;
  onEnd(): void;
  /** A hook has failed; the others are called all the same. */
  onFailed(error: unknown): void;
}

/** What happens at SIGHUP: hooks, one after the other, in the order they were added. Nothing of it ends a run. */
export class Reloader {
  readonly #events: ReloadEvents;
  readonly #hooks: ReloadHook[] = [];
  /** The reload under way; another one follows it. */
  #last: Promise<void> = Promise.resolve();

  constructor(events: ReloadEvents) {
    this.#events = events;
  }

  add(hook: ReloadHook): void {
    this.#hooks.push(hook);
  }

  /** Resolves when it is done. */
  reload(): Promise<void> {
    this.#last = this.#last.then(() => this.#run());
    return this.#last;
  }

  async #run(): Promise<void> {
    this.#events.onBegin();
    for (const hook of this.#hooks) {
      try {
        await hook();
      } catch (error) {
        this.#events.onFailed(error);
      }
    }
    this.#events.onEnd();
  }
}
