import { UsageError } from './usage-error.ts';

/**
 * Reads a list of CPUs as the kernel writes them (`0-3,8`), without repeats and in order. Throws UsageError for what is no
 * list, and for CPUs that this process may not run on.
 */
export function cpuList(option: string, text: string, allowed: readonly number[]): number[] {
  const shown = `${option} ${JSON.stringify(text)}`;
  if (!/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/.test(text)) {
    throw new UsageError(`${shown}: wants CPUs such as 0-3,8`);
  }
  const chosen = new Set<number>();
  for (const part of text.split(',')) {
    const [first = 0, last = first] = part.split('-').map(Number);
    if (last < first) throw new UsageError(`${shown}: ${part} ends before it begins`);
    for (let cpu = first; cpu <= last; cpu++) chosen.add(cpu);
  }
  const missing = [...chosen].find((cpu) => !allowed.includes(cpu));
  if (missing === undefined) return [...chosen].sort((a, b) => a - b);
  throw new UsageError(
    `${shown}: CPU ${missing} is not there, or not for this process: it may run on ${allowed.join(', ')}`,
  );
}

/** A list of CPUs in ascending order as the kernel writes them: `0-3,8`. */
export function cpuListText(cpus: readonly number[]): string {
  const begins = cpus.filter((cpu, i) => cpus[i - 1] !== cpu - 1);
  const ends = cpus.filter((cpu, i) => cpus[i + 1] !== cpu + 1);
  return begins.map((first, i) => (ends[i] === first ? `${first}` : `${first}-${ends[i]}`)).join(',');
}
