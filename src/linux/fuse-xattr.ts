import { declare } from './libc.ts';

const cGetxattr = declare('long getxattr(const char *path, const char *name, void *value, size_t size)');
const LONGEST_VALUE = 256;

/**
 * The text of an extended attribute, up to 256 bytes; undefined when there is none. Waits outside this thread, as a
 * FUSE mount of another process may take its time.
 */
export function readAttribute(path: string, name: string): Promise<string | undefined> {
  const value = Buffer.alloc(LONGEST_VALUE);
  return new Promise((resolve, reject) => {
    cGetxattr.async(path, name, value, value.length, (error: unknown, length: number | bigint) => {
      if (error) reject(error);
      else resolve(Number(length) < 0 ? undefined : value.toString('latin1', 0, Number(length)));
    });
  });
}
