import { mkdirSync, rmdirSync } from 'node:fs';

/** Makes a directory; false when there is one. What a killed daemon left mounted there is cleared away later. */
function makeDirectory(path: string): boolean {
  try {
    return mkdirSync(path, { recursive: true }) !== undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTCONN') return false;
    throw error;
  }
}

/** A directory to mount on; one that had to be made is removed in the end. */
export function ownDirectory(path: string): Disposable & { readonly path: string } {
  const made = makeDirectory(path);
  return {
    path,
    [Symbol.dispose]() {
      if (!made) return;
      try {
        rmdirSync(path);
      } catch {
        // Somebody put something there: it stays.
      }
    },
  };
}
