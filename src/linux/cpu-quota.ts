import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How much CPU time the control groups of a process leave it. */
export interface CpuQuota {
  /** In CPUs: 1.5 is 150 ms in each 100 ms. */
  readonly cpus: number;
  /** µs after which it is granted anew. */
  readonly periodUs: number;
  /** The file that says so. */
  readonly file: string;
}

/** Reads cpu.max of a control group: `150000 100000`, or `max` for no limit. */
export function parseCpuMax(text: string): Pick<CpuQuota, 'cpus' | 'periodUs'> | undefined {
  const [, quota, period] = /^(\d+) (\d+)\s*$/.exec(text) ?? [];
  if (quota === undefined || Number(period) === 0) return undefined;
  return { cpus: Number(quota) / Number(period), periodUs: Number(period) };
}

/**
 * The tightest quota of this process's control groups (version 2), from its own up to the root: each limits all below it.
 * Undefined where there is none. `root`: another one than `/`, for tests.
 */
export function cpuQuota(root = '/'): CpuQuota | undefined {
  const read = (path: string): string => {
    try {
      return readFileSync(join(root, path), 'utf8');
    } catch {
      return '';
    }
  };
  const own = /^0::(.*)$/m.exec(read('proc/self/cgroup'))?.[1];
  const mount = /^\S+ (\S+) cgroup2 /m.exec(read('proc/self/mounts'))?.[1];
  if (own === undefined || mount === undefined) return undefined;
  // Within a container the path may be that of the host, which is not there.
  const path = existsSync(join(root, mount, own)) ? own.split('/').filter((part) => part !== '') : [];
  const limits = [...path, ''].flatMap((_, depth): CpuQuota[] => {
    const file = join(mount, ...path.slice(0, depth), 'cpu.max');
    const limit = parseCpuMax(read(file));
    return limit ? [{ ...limit, file }] : [];
  });
  return limits.sort((a, b) => a.cpus - b.cpus)[0];
}
