/** Signals that end what goes on until somebody ends it. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** From one tick to the next, ms. */
const TICK_MS = 1000;

/** Resolves after so many seconds, or at a signal; meanwhile calls `tick` every second. */
export function untilEnd(seconds: number | undefined, tick: () => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(tick, TICK_MS);
    const end = (): void => {
      clearInterval(timer);
      clearTimeout(last);
      for (const signal of SIGNALS) process.off(signal, end);
      resolve();
    };
    const last = seconds === undefined ? undefined : setTimeout(end, seconds * 1000);
    for (const signal of SIGNALS) process.on(signal, end);
  });
}
