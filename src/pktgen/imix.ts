import { IMIX_PRECISION } from '../template/size-rule.ts';
import type { Kind } from './kind.ts';
import { digits } from './scan.ts';

/** A packet size and how often it is sent, relative to the others. */
export interface ImixEntry {
  readonly size: number;
  readonly weight: number;
}

/** The most sizes (MAX_IMIX_ENTRIES). */
export const MAX_IMIX_ENTRIES = 20;
/** The least size: Ethernet, IPv4 and UDP headers. */
export const MIN_SIZE = 42;

/** `size,weight size,weight …` as far as it could be read, and what was wrong after that (get_imix_entries). */
export function parseImix(text: string, from: number): { entries: ImixEntry[]; errno?: 'EINVAL' | 'E2BIG' } {
  const entries: ImixEntry[] = [];
  let at = from;
  do {
    if (entries.length === MAX_IMIX_ENTRIES) return { entries, errno: 'E2BIG' };
    const size = digits(text, at, 10);
    at += size.length;
    if (text.charAt(at++) !== ',') return { entries, errno: 'EINVAL' };
    const weight = digits(text, at, 10);
    at += weight.length;
    if (weight.value === 0) return { entries, errno: 'EINVAL' };
    entries.push({ size: Math.max(size.value, MIN_SIZE), weight: weight.value });
  } while (text.charAt(at++) === ' ');
  return { entries };
}

/**
 * The table that draws are looked up in (fill_imix_distribution): entry numbers by cumulated percent. A size of less
 * than a percent has no place in it.
 */
export function imixTable(entries: readonly ImixEntry[]): number[] {
  const total = entries.reduce((sum, entry) => sum + entry.weight, 0);
  const upTo: number[] = [];
  let sum = 0;
  for (const entry of entries.slice(0, -1)) {
    sum += Math.floor((entry.weight * IMIX_PRECISION) / total);
    upTo.push(sum);
  }
  let entry = 0;
  return Array.from({ length: IMIX_PRECISION }, (_, percent) => (percent === upTo[entry] ? ++entry : entry));
}

const formatImix = (entries: readonly ImixEntry[]): string => entries.map((e) => `${e.size},${e.weight}`).join(' ');

export const imixKind: Kind<readonly ImixEntry[]> = {
  placeholder: '"SIZE,WEIGHT …"',
  parse: (text, from) => parseImix(text, from).entries,
  format: formatImix,
  schema: {
    type: 'array',
    maxItems: MAX_IMIX_ENTRIES,
    items: { type: 'object', properties: { size: { type: 'integer' }, weight: { type: 'integer', minimum: 1 } } },
  },
};
