import { RECORD, WINDOW_WORDS } from './flow-record.ts';

/** Flows that are looked at, and numbers that must have come of each to tell. */
const MOST_FLOWS = 8;
const LEAST = 16;

/**
 * Whether flows take turns at one row of sequence numbers, as those of one sender do: none of their latest numbers came
 * twice, where flows that count for themselves would have most in common. Then what is missing in one is in another.
 */
export function shareNumbers(records: readonly BigUint64Array[]): boolean {
  const some = records.slice(0, MOST_FLOWS);
  return some.some((record, i) => {
    const next = some[i + 1];
    return next !== undefined && takeTurns(record, next);
  });
}

function takeTurns(one: BigUint64Array, other: BigUint64Array): boolean {
  const word = (record: BigUint64Array, at: number): bigint => record[at] ?? 0n;
  const oldest = (record: BigUint64Array): bigint =>
    (word(record, RECORD.highest) / 64n - BigInt(WINDOW_WORDS - 1)) * 64n;
  const from = sorted(word(one, RECORD.base), word(other, RECORD.base), oldest(one), oldest(other)).at(-1) ?? 0n;
  const [a, b] = [word(one, RECORD.highest), word(other, RECORD.highest)];
  const to = sorted(a, b)[0] ?? 0n;
  let [ofOne, ofOther] = [0, 0];
  for (let number = from; number <= to; number++) {
    const [inOne, inOther] = [came(one, number), came(other, number)];
    if (inOne && inOther) return false;
    if (inOne) ofOne++;
    if (inOther) ofOther++;
  }
  return ofOne >= LEAST && ofOther >= LEAST;
}

const sorted = (...values: readonly bigint[]): BigInt64Array => BigInt64Array.from(values).sort();

function came(record: BigUint64Array, number: bigint): boolean {
  const word = record[RECORD.window + Number((number / 64n) & BigInt(WINDOW_WORDS - 1))] ?? 0n;
  return ((word >> (number % 64n)) & 1n) === 1n;
}
