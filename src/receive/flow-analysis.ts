import { RECORD, WINDOW_WORDS } from './flow-record.ts';
import { bucketOf } from './latency-histogram.ts';
import type { Arrival } from './packet-arrival.ts';

/**
 * A packet that is further behind than this comes from a sender that began anew, as pktgen does with each run: no network
 * holds a packet back for so many.
 */
export const RESTART_DISTANCE = 65_536n;

const WORD_BITS = 64n;
const WINDOW_MASK = BigInt(WINDOW_WORDS - 1);
const SEQ_MASK = 0xffff_ffffn;
const HALF_WRAP = 0x8000_0000n;

const at = (record: BigUint64Array, word: number): bigint => record[word] ?? 0n;
function add(record: BigUint64Array, word: number, more: bigint): void {
  record[word] = at(record, word) + more;
}

/** Takes a packet into the record of its flow. */
export function takeArrival(record: BigUint64Array, arrival: Arrival): void {
  const isFirst = at(record, RECORD.packets) === 0n;
  add(record, RECORD.packets, 1n);
  add(record, RECORD.bytes, BigInt(arrival.bytes));
  if (isFirst) record[RECORD.first] = arrival.at;
  record[RECORD.last] = arrival.at;
  const sent = BigInt(arrival.sec) * 1_000_000_000n + BigInt(arrival.usec) * 1000n;
  if (isFirst) begin(record, BigInt(arrival.seq), sent);
  else takeSequence(record, BigInt(arrival.seq), sent);
  if (sent !== 0n) takeTime(record, arrival.at, sent);
}

/** Sequence numbers: lost is what is missing between base and highest; a late packet fills its gap. */
function takeSequence(record: BigUint64Array, seq: bigint, sent: bigint): void {
  const highest = at(record, RECORD.highest);
  // The nearest number that ends like this.
  const ahead = (seq - highest) & SEQ_MASK;
  const distance = ahead < HALF_WRAP ? ahead : ahead - SEQ_MASK - 1n;
  if (distance > 0n) takeNext(record, highest + distance, sent);
  else if (isRestart(record, distance, sent)) restart(record, seq, sent);
  else takeLate(record, highest + distance);
}

function takeNext(record: BigUint64Array, number: bigint, sent: bigint): void {
  advance(record, at(record, RECORD.highest), number);
  record[RECORD.highest] = number;
  record[RECORD.highestSent] = sent;
  mark(record, number);
  add(record, RECORD.distinct, 1n);
}

/** A packet that is late, or came before. */
function takeLate(record: BigUint64Array, number: bigint): void {
  const oldest = (at(record, RECORD.highest) / WORD_BITS - WINDOW_MASK) * WORD_BITS;
  if (number < oldest) add(record, RECORD.old, 1n);
  else if (isMarked(record, number)) add(record, RECORD.duplicates, 1n);
  else {
    mark(record, number);
    add(record, RECORD.distinct, 1n);
    add(record, RECORD.reordered, 1n);
    if (number < at(record, RECORD.base)) record[RECORD.base] = number;
  }
}

/** Whether a number that does not go on means that the sender began anew: it was sent later than what is ahead of it. */
function isRestart(record: BigUint64Array, distance: bigint, sent: bigint): boolean {
  if (-distance > RESTART_DISTANCE || at(record, RECORD.highest) + distance < 0n) return true;
  return sent > at(record, RECORD.highestSent);
}

function begin(record: BigUint64Array, seq: bigint, sent: bigint): void {
  record[RECORD.base] = seq;
  record[RECORD.highest] = seq;
  record[RECORD.highestSent] = sent;
  record[RECORD.distinct] = 1n;
  record.fill(0n, RECORD.window, RECORD.window + WINDOW_WORDS);
  mark(record, seq);
}

function restart(record: BigUint64Array, seq: bigint, sent: bigint): void {
  add(record, RECORD.restarts, 1n);
  const expected = at(record, RECORD.highest) - at(record, RECORD.base) + 1n;
  add(record, RECORD.lostBefore, expected - at(record, RECORD.distinct));
  begin(record, seq, sent);
}

/** Empties the words of the window between two highest numbers. */
function advance(record: BigUint64Array, from: bigint, to: bigint): void {
  const last = to / WORD_BITS;
  const first = from / WORD_BITS + 1n;
  const least = last - WINDOW_MASK;
  for (let word = first > least ? first : least; word <= last; word++) {
    record[RECORD.window + Number(word & WINDOW_MASK)] = 0n;
  }
}

const wordOf = (number: bigint): number => RECORD.window + Number((number / WORD_BITS) & WINDOW_MASK);
const bitOf = (number: bigint): bigint => 1n << (number % WORD_BITS);
const isMarked = (record: BigUint64Array, number: bigint): boolean =>
  (at(record, wordOf(number)) & bitOf(number)) !== 0n;
function mark(record: BigUint64Array, number: bigint): void {
  record[wordOf(number)] = at(record, wordOf(number)) | bitOf(number);
}

/** Latency, one-way: right as far as the clocks of sender and receiver agree; a packet that comes before it left took no time. */
function takeTime(record: BigUint64Array, now: bigint, sent: bigint): void {
  const latency = now > sent ? now - sent : 0n;
  const timed = at(record, RECORD.timed);
  const last = at(record, RECORD.latencyLast);
  record[RECORD.timed] = timed + 1n;
  add(record, RECORD.latencySum, latency);
  if (timed === 0n || latency < at(record, RECORD.latencyMin)) record[RECORD.latencyMin] = latency;
  if (latency > at(record, RECORD.latencyMax)) record[RECORD.latencyMax] = latency;
  if (timed > 0n) add(record, RECORD.variationSum, latency > last ? latency - last : last - latency);
  record[RECORD.latencyLast] = latency;
  const bucket = bucketOf(Number(latency));
  const counts = new Uint32Array(record.buffer, record.byteOffset + RECORD.histogram * 8);
  counts[bucket] = (counts[bucket] ?? 0) + 1;
}
