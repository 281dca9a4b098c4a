import { assemble } from '../ebpf/assembler.ts';
import type { BpfLink } from '../linux/bpf-link.ts';
import { HashMap, SharedMap } from '../linux/bpf-map.ts';
import { BpfProgram } from '../linux/bpf-program.ts';
import { offsetNs, wallOffset } from '../linux/clock.ts';
import { attachXdp } from './attach-xdp.ts';
import { type FlowField, keyLength } from './flow-key.ts';
import { RECORD, RECORD_LEN, RECORD_WORDS } from './flow-record.ts';
import type { KeptPacket, Receiver, ReceiverOptions, ReceiverTotals } from './receiver.ts';
import { CAPTURE, captureLen, SINK, SINK_WORDS } from './sink-memory.ts';
import { sinkCode } from './sink-program.ts';

/**
 * Measures in XDP: in the driver, or in the stack where the driver cannot. Reading what it has measured takes no system
 * call. Wants CAP_BPF and CAP_NET_ADMIN.
 */
export class XdpReceiver implements Receiver {
  readonly where: 'driver' | 'stack';
  readonly by: readonly FlowField[];
  readonly passes: boolean;
  readonly #sink = new SharedMap(SINK_WORDS * 8, 'pktgen_sink');
  readonly #flows: SharedMap;
  readonly #index: HashMap;
  readonly #capture: SharedMap | undefined;
  readonly #link: BpfLink;
  readonly #words = new BigUint64Array(this.#sink.memory, 0, SINK_WORDS);
  readonly #room: number;
  readonly #captures: number;

  /** Throws SyscallError: EBUSY where another program is on the link. */
  constructor({ ifindex, flows, by, pass, capture, latency = true }: ReceiverOptions) {
    this.#room = flows;
    this.#captures = capture;
    this.by = by;
    this.passes = pass;
    this.#flows = new SharedMap(flows * RECORD_LEN, 'pktgen_flows');
    this.#index = new HashMap(flows, keyLength(by), 'pktgen_index');
    this.#capture = capture > 0 ? new SharedMap(captureLen(capture), 'pktgen_capture') : undefined;
    this.refresh();
    const maps = {
      sink: this.#sink.fd,
      flows: this.#flows.fd,
      index: this.#index.fd,
      ...(this.#capture && { capture: this.#capture.fd }),
    };
    try {
      const code = assemble(sinkCode({ flows, by, pass, capture, latency }), maps);
      using program = new BpfProgram('XDP', code, 'pktgen_sink');
      const { link, where } = attachXdp(ifindex, program);
      this.#link = link;
      this.where = where;
    } catch (error) {
      this.#closeMaps();
      throw error;
    }
  }

  get how(): string {
    return `an XDP program in the ${this.where}`;
  }

  /** Tells the program the difference between its clock and the wall clock. */
  refresh(): void {
    Atomics.store(this.#words, SINK.wallOffset, offsetNs(wallOffset()));
  }

  async settle(): Promise<void> {}

  records(): BigUint64Array[] {
    const begun = Math.min(Number(this.#words[SINK.flows] ?? 0n), this.#room);
    return Array.from(
      { length: begun },
      (_, i) => new BigUint64Array(this.#flows.memory, i * RECORD_LEN, RECORD_WORDS),
    ).filter((record) => (record[RECORD.packets] ?? 0n) > 0n);
  }

  totals(): ReceiverTotals {
    const number = (word: number): number => Number(this.#words[word] ?? 0n);
    return {
      ours: this.records().reduce((sum, record) => sum + Number(record[RECORD.packets] ?? 0n), 0),
      foreign: number(SINK.foreign),
      truncated: number(SINK.truncated),
      fragment: number(SINK.fragment),
      overflow: number(SINK.overflow),
      busy: number(SINK.busy),
      missed: 0,
    };
  }

  captured(): KeptPacket[] {
    if (!this.#capture) return [];
    const view = new DataView(this.#capture.memory);
    const kept = Math.min(Number(view.getBigUint64(0, true)), this.#captures);
    return Array.from({ length: kept }, (_, i) => {
      const slot = CAPTURE.slots + i * CAPTURE.slotLen;
      const captured = view.getUint32(slot + CAPTURE.captured, true);
      return {
        at: view.getBigUint64(slot + CAPTURE.at, true),
        length: view.getUint32(slot + CAPTURE.length, true),
        bytes: new Uint8Array(view.buffer, slot + CAPTURE.bytes, captured),
      };
    }).filter(({ bytes }) => bytes.length > 0);
  }

  #closeMaps(): void {
    for (const map of [this.#index, this.#flows, this.#capture, this.#sink]) map?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
    this.#closeMaps();
  }
}
