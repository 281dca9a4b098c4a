import { closeSync, constants, openSync } from 'node:fs';

/** Whether this process has a terminal that it could be interrupted from. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDWR | constants.O_NOCTTY));
    return true;
  } catch {
    return false;
  }
}

/**
 * Resolves at a signal that ends a service: SIGINT, SIGTERM, or SIGHUP because its terminal went away. SIGHUP from somebody
 * else asks for a reload.
 */
export function untilServiceEnds(reload: () => void): Promise<void> {
  const onTerminal = hasTerminal();
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
    process.on('SIGHUP', () => {
      if (onTerminal && !hasTerminal()) resolve();
      else reload();
    });
  });
}
