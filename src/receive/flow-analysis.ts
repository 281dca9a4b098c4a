import { MOST_LATENCY, RECORD, RECORD_LEN, RECORD_WORDS, WINDOW_WORDS } from './flow-record.ts';
import { bucketOf, HISTOGRAM_BUCKETS } from './latency-histogram.ts';
import type { Arrival } from './packet-arrival.ts';

/**
 * A packet that is further behind than this comes from a sender that began anew, as pktgen does with each run: no network
 * holds a packet back for so many.
 */
export const RESTART_DISTANCE = 65_536;

/** Sequence numbers of a word of the window here, and in a record. */
const WORD_BITS = 32;
const RECORD_BITS = 64;
const WINDOW_MASK = WINDOW_WORDS * 2 - 1;
const SECOND = 1e9;

/** A moment: seconds since 1970, and ns. As one number it would be exact to 256 ns only. */
interface Moment {
  sec: number;
  nsec: number;
}
const moment = (): Moment => ({ sec: 0, nsec: 0 });
const set = (at: Moment, sec: number, nsec: number): void => {
  at.sec = sec;
  at.nsec = nsec;
};
const toNs = ({ sec, nsec }: Moment): bigint => BigInt(sec) * 1_000_000_000n + BigInt(nsec);

/**
 * Takes the packets of a flow into account, one by one. The XDP receiver does the same in the kernel: `record()` gives
 * what it would have written.
 */
export class FlowAnalysis {
  packets = 0;
  #bytes = 0;
  readonly #first = moment();
  readonly #last = moment();
  #base = 0;
  #highest = 0;
  #distinct = 0;
  #reordered = 0;
  #duplicates = 0;
  #old = 0;
  #restarts = 0;
  #lostBefore = 0;
  #timed = 0;
  #latencySum = 0;
  #latencyMin = 0;
  #latencyMax = 0;
  #latencyLast = 0;
  #variationSum = 0;
  readonly #highestSent = moment();
  readonly #memory = new ArrayBuffer(RECORD_LEN);
  readonly #window = new Uint32Array(this.#memory, RECORD.window * 8, WINDOW_WORDS * 2);
  readonly #histogram = new Uint32Array(this.#memory, RECORD.histogram * 8, HISTOGRAM_BUCKETS);

  /** `key`: see flowKeyField. */
  constructor(key: Uint8Array) {
    new Uint8Array(this.#memory).set(key, RECORD.key * 8);
  }

  /** Takes a packet. */
  take({ seq, sec, nsec, bytes, atSec, atNsec }: Arrival): void {
    const isFirst = this.packets++ === 0;
    this.#bytes += bytes;
    set(this.#last, atSec, atNsec);
    // Microseconds may be more than a second's in a header that something else has written.
    const carry = nsec >= SECOND ? Math.floor(nsec / SECOND) : 0;
    const sentSec = sec + carry;
    const sentNsec = nsec - carry * SECOND;
    if (isFirst) {
      set(this.#first, atSec, atNsec);
      this.#begin(seq, sentSec, sentNsec);
    } else this.#takeSequence(seq, sentSec, sentNsec);
    if (sec !== 0 || nsec !== 0) this.#takeLatency((atSec - sentSec) * SECOND + (atNsec - sentNsec));
  }

  /** Sequence numbers: lost is what is missing between base and highest; a late packet fills its gap. */
  #takeSequence(seq: number, sec: number, nsec: number): void {
    // To the nearest number that ends like this.
    const distance = (seq - this.#highest) | 0;
    const number = this.#highest + distance;
    if (distance > 0) {
      this.#advance(number);
      this.#highest = number;
      set(this.#highestSent, sec, nsec);
      this.#mark(number);
      this.#distinct++;
    } else if (this.#isRestart(distance, sec, nsec)) {
      this.#restarts++;
      this.#lostBefore += this.#highest - this.#base + 1 - this.#distinct;
      this.#begin(seq, sec, nsec);
    } else this.#takeLate(number);
  }

  /** A packet that is late, or came before. */
  #takeLate(number: number): void {
    const oldest = (Math.floor(this.#highest / RECORD_BITS) - (WINDOW_WORDS - 1)) * RECORD_BITS;
    if (number < oldest) this.#old++;
    else if (this.#isMarked(number)) this.#duplicates++;
    else {
      this.#mark(number);
      this.#distinct++;
      this.#reordered++;
      if (number < this.#base) this.#base = number;
    }
  }

  /** Whether a number that does not go on means that the sender began anew: it was sent later than what is ahead of it. */
  #isRestart(distance: number, sec: number, nsec: number): boolean {
    if (-distance > RESTART_DISTANCE || this.#highest + distance < 0) return true;
    const last = this.#highestSent;
    return sec > last.sec || (sec === last.sec && nsec > last.nsec);
  }

  #begin(seq: number, sec: number, nsec: number): void {
    this.#base = seq;
    this.#highest = seq;
    set(this.#highestSent, sec, nsec);
    this.#distinct = 1;
    this.#window.fill(0);
    this.#mark(seq);
  }

  /** Empties the words of the window between the highest number and a new one: two at a time, as a record has them. */
  #advance(to: number): void {
    const last = Math.floor(to / RECORD_BITS);
    const from = Math.floor(this.#highest / RECORD_BITS) + 1;
    for (let word = Math.max(from, last - (WINDOW_WORDS - 1)); word <= last; word++) {
      const at = (word & (WINDOW_WORDS - 1)) * 2;
      this.#window[at] = 0;
      this.#window[at + 1] = 0;
    }
  }
  #isMarked(number: number): boolean {
    return (((this.#window[Math.floor(number / WORD_BITS) & WINDOW_MASK] ?? 0) >>> (number & 31)) & 1) === 1;
  }
  #mark(number: number): void {
    const at = Math.floor(number / WORD_BITS) & WINDOW_MASK;
    this.#window[at] = (this.#window[at] ?? 0) | (1 << (number & 31));
  }

  /** One-way: right as far as the clocks of sender and receiver agree; a packet that comes before it left took no time. */
  #takeLatency(ns: number): void {
    const latency = Math.min(Math.max(ns, 0), MOST_LATENCY);
    const last = this.#latencyLast;
    const isFirst = this.#timed++ === 0;
    this.#latencySum += latency;
    if (isFirst || latency < this.#latencyMin) this.#latencyMin = latency;
    if (latency > this.#latencyMax) this.#latencyMax = latency;
    if (!isFirst) this.#variationSum += latency > last ? latency - last : last - latency;
    this.#latencyLast = latency;
    const bucket = bucketOf(latency);
    this.#histogram[bucket] = (this.#histogram[bucket] ?? 0) + 1;
  }

  /** All of it, as the words of a record (RECORD): a view that the next call brings up to date. */
  record(): BigUint64Array {
    const words = new BigUint64Array(this.#memory, 0, RECORD_WORDS);
    const numbers: readonly [at: number, value: number][] = [
      [RECORD.packets, this.packets],
      [RECORD.bytes, this.#bytes],
      [RECORD.base, this.#base],
      [RECORD.highest, this.#highest],
      [RECORD.distinct, this.#distinct],
      [RECORD.reordered, this.#reordered],
      [RECORD.duplicates, this.#duplicates],
      [RECORD.old, this.#old],
      [RECORD.restarts, this.#restarts],
      [RECORD.lostBefore, this.#lostBefore],
      [RECORD.timed, this.#timed],
      [RECORD.latencySum, this.#latencySum],
      [RECORD.latencyMin, this.#latencyMin],
      [RECORD.latencyMax, this.#latencyMax],
      [RECORD.latencyLast, this.#latencyLast],
      [RECORD.variationSum, this.#variationSum],
    ];
    for (const [at, value] of numbers) words[at] = BigInt(value);
    words[RECORD.first] = toNs(this.#first);
    words[RECORD.last] = toNs(this.#last);
    words[RECORD.highestSent] = toNs(this.#highestSent);
    return words;
  }
}
