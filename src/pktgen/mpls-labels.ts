import { MPLS_BOTTOM } from '../wire/mpls.ts';
import type { Kind } from './kind.ts';
import { hexDigits } from './scan.ts';

/** The most label stack entries (MAX_MPLS_LABELS). */
export const MAX_MPLS_LABELS = 16;

/**
 * Entries of eight hex digits with commas between (get_labels). Anything but an entry where one must be leaves no
 * labels; too many fail and leave none either. `random`: an entry has the bottom-of-stack bit set, which asks for random labels.
 */
export function parseLabels(text: string, from: number): { labels: number[]; random: boolean; errno?: 'E2BIG' } {
  const labels: number[] = [];
  let random = false;
  let at = from;
  do {
    if (labels.length === MAX_MPLS_LABELS) return { labels: [], random, errno: 'E2BIG' };
    const { value, length } = hexDigits(text, at, 8);
    if (length === 0) return { labels: [], random };
    random ||= (value & MPLS_BOTTOM) !== 0;
    labels.push(value);
    at += length;
  } while (text.charAt(at++) === ',');
  return { labels, random };
}

const formatLabel = (label: number): string => label.toString(16).padStart(8, '0');
/** The entries in hex, with this between them. */
export const formatLabels = (labels: readonly number[], between: string): string =>
  labels.map(formatLabel).join(between);

export const labelsKind: Kind<readonly number[]> = {
  placeholder: 'HEX,HEX…',
  parse: (text, from) => parseLabels(text, from).labels,
  format: (labels) => formatLabels(labels, ','),
  schema: { type: 'array', maxItems: MAX_MPLS_LABELS, items: { type: 'integer', minimum: 0, maximum: 0xffffffff } },
};
