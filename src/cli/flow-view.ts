import { type FlowFigures, flowFigures, keyOf } from '../receive/flow-figures.ts';
import { type FlowField, type FlowKeyValues, flowName, keyValues } from '../receive/flow-key.ts';
import { RECORD } from '../receive/flow-record.ts';
import type { Receiver } from '../receive/receiver.ts';

/** What came of a flow since the last look, or in all. */
export interface Rate {
  readonly packets: number;
  /** Packets, and bits of their frames, per second. */
  readonly pps: number;
  readonly bps: number;
}

/** A flow as it is shown; what is not asked for costs nothing. */
export class FlowView {
  readonly packets: number;
  readonly rate: Rate;
  readonly #record: BigUint64Array;
  readonly #by: readonly FlowField[];

  constructor(record: BigUint64Array, by: readonly FlowField[], rate: Rate) {
    this.packets = number(record, RECORD.packets);
    this.rate = rate;
    this.#record = record;
    this.#by = by;
  }
  get name(): string {
    return flowName(keyOf(this.#record), this.#by);
  }
  get fields(): FlowKeyValues {
    return keyValues(keyOf(this.#record), this.#by);
  }
  get figures(): FlowFigures {
    return flowFigures(this.#record);
  }
}

interface Seen {
  readonly packets: number;
  readonly bytes: number;
}

const rateOf = ({ packets, bytes }: Seen, seconds: number): Rate =>
  seconds > 0
    ? { packets, pps: Math.round(packets / seconds), bps: Math.round((bytes * 8) / seconds) }
    : { packets, pps: 0, bps: 0 };

const number = (record: BigUint64Array, at: number): number => Number(record[at] ?? 0n);

/** Looks at a receiver again and again, and knows what came in between. */
export class FlowWatch {
  readonly #receiver: Receiver;
  readonly #seen = new Map<string, Seen>();
  #at = performance.now();

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  /** All flows, with what came since the last look. */
  look(): FlowView[] {
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    return this.#receiver.records().map((record) => {
      const key = Buffer.from(keyOf(record)).toString('latin1');
      const before = this.#seen.get(key) ?? { packets: 0, bytes: 0 };
      const seen = { packets: number(record, RECORD.packets), bytes: number(record, RECORD.bytes) };
      this.#seen.set(key, seen);
      const more = { packets: seen.packets - before.packets, bytes: seen.bytes - before.bytes };
      return new FlowView(record, this.#receiver.by, rateOf(more, seconds));
    });
  }

  /** All flows, with rates from their first packet to their last. */
  all(): FlowView[] {
    return this.#receiver.records().map((record) => {
      const packets = number(record, RECORD.packets);
      const bytes = number(record, RECORD.bytes);
      const seconds = Number((record[RECORD.last] ?? 0n) - (record[RECORD.first] ?? 0n)) / 1e9;
      // From the first to the last there is one packet less.
      const { pps, bps } = rateOf({ packets: packets - 1, bytes: bytes - bytes / packets }, seconds);
      return new FlowView(record, this.#receiver.by, { packets, pps, bps });
    });
  }
}
