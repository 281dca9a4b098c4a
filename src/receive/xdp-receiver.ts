import { assemble } from '../ebpf/assembler.ts';
import { BpfLink, XDP_FLAGS } from '../linux/bpf-link.ts';
import { HashMap, SharedMap } from '../linux/bpf-map.ts';
import { BpfProgram } from '../linux/bpf-program.ts';
import { offsetNs, wallOffset } from '../linux/clock.ts';
import { ERRNO, SyscallError } from '../linux/errno.ts';
import { type FlowFigures, flowFigures } from './flow-figures.ts';
import { RECORD_WORDS } from './flow-record.ts';
import { RECORD_LEN, SINK, SINK_WORDS } from './sink-memory.ts';
import { sinkCode } from './sink-program.ts';

/** How a receiver is to be. */
export interface ReceiverOptions {
  readonly ifindex: number;
  /** Flows that there is room for; each takes 5 kB. */
  readonly flows: number;
  /** Our packets go on to the stack too. */
  readonly pass: boolean;
}

/** What a receiver has counted besides its flows. */
export interface ReceiverTotals {
  readonly ours: number;
  /** Frames of others, cut off ones, and fragments: they went on to the stack. */
  readonly foreign: number;
  readonly truncated: number;
  readonly fragment: number;
  /** Ours that are in no flow's record: there was no room for the flow, or another CPU had the record. */
  readonly overflow: number;
  readonly busy: number;
}

/**
 * Measures what arrives on a link of this thread's namespace, in XDP: in the driver, or in the stack where the driver
 * cannot. Reading what it has measured takes no system call. Wants CAP_BPF and CAP_NET_ADMIN.
 */
export class XdpReceiver implements Disposable {
  /** Where the program runs. */
  readonly where: 'driver' | 'stack';
  readonly #sink = new SharedMap(SINK_WORDS * 8, 'pktgen_sink');
  readonly #flows: SharedMap;
  readonly #index: HashMap;
  readonly #link: BpfLink;
  readonly #words = new BigUint64Array(this.#sink.memory, 0, SINK_WORDS);
  readonly #room: number;

  /** Throws SyscallError: EBUSY where another program is on the link. */
  constructor({ ifindex, flows, pass }: ReceiverOptions) {
    this.#room = flows;
    this.#flows = new SharedMap(flows * RECORD_LEN, 'pktgen_flows');
    this.#index = new HashMap(flows, 'pktgen_index');
    this.setClock();
    const maps = { sink: this.#sink.fd, flows: this.#flows.fd, index: this.#index.fd };
    try {
      using program = new BpfProgram('XDP', assemble(sinkCode({ flows, pass }), maps), 'pktgen_sink');
      const { link, where } = attach(ifindex, program);
      this.#link = link;
      this.where = where;
    } catch (error) {
      for (const map of [this.#index, this.#flows, this.#sink]) map[Symbol.dispose]();
      throw error;
    }
  }

  /** Tells the program the difference between its clock and the wall clock, which may be set or slewed. */
  setClock(): void {
    Atomics.store(this.#words, SINK.wallOffset, offsetNs(wallOffset()));
  }

  /** What is known of each flow, in the order in which they came. */
  flows(): FlowFigures[] {
    const begun = Math.min(Number(this.#words[SINK.flows] ?? 0n), this.#room);
    return Array.from({ length: begun }, (_, i) =>
      flowFigures(new BigUint64Array(this.#flows.memory, i * RECORD_LEN, RECORD_WORDS)),
    ).filter(({ packets }) => packets > 0);
  }

  totals(): ReceiverTotals {
    const number = (word: number): number => Number(this.#words[word] ?? 0n);
    return {
      ours: number(SINK.ours),
      foreign: number(SINK.foreign),
      truncated: number(SINK.truncated),
      fragment: number(SINK.fragment),
      overflow: number(SINK.overflow),
      busy: number(SINK.busy),
    };
  }

  [Symbol.dispose](): void {
    for (const owner of [this.#link, this.#index, this.#flows, this.#sink]) owner[Symbol.dispose]();
  }
}

/** Puts a program into the driver, else into the stack. */
function attach(ifindex: number, program: BpfProgram): { link: BpfLink; where: 'driver' | 'stack' } {
  try {
    return { link: BpfLink.xdp(ifindex, program, XDP_FLAGS.DRV_MODE), where: 'driver' };
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno === ERRNO.EBUSY || error.errno === ERRNO.EPERM) throw error;
    return { link: BpfLink.xdp(ifindex, program, XDP_FLAGS.SKB_MODE), where: 'stack' };
  }
}
