import { assemble } from '../../src/ebpf/assembler.ts';
import { alu, exit, jumpIf, label, load, mapValue, mov, store } from '../../src/ebpf/code.ts';
import { R0, R1, R2 } from '../../src/ebpf/instruction.ts';
import { BpfLink, XDP } from '../../src/linux/bpf-link.ts';
import { SharedMap } from '../../src/linux/bpf-map.ts';
import { BpfProgram } from '../../src/linux/bpf-program.ts';
import type { TestPair } from './netns.ts';

/** rx_queue_index in struct xdp_md. */
const RX_QUEUE_INDEX = 16;
const MOST_QUEUES = 8;

/** Counts what arrives on each queue of the far end, which is the transmit queue of the near end's; drops it, or lets it pass. */
export class QueueCounter implements Disposable {
  readonly #map = new SharedMap(MOST_QUEUES * 8, 'test_queues');
  readonly #link: BpfLink;

  constructor(pair: TestPair, verdict: number = XDP.DROP) {
    const others = label('more queues than are counted');
    const code = [
      [load(R1, 'u32', R1, RX_QUEUE_INDEX), jumpIf(R1, '>=', MOST_QUEUES, others)],
      [mapValue(R2, 'queues'), alu(R1, '<<', 3), alu(R2, '+', R1)],
      [load(R1, 'u64', R2), alu(R1, '+', 1), store(R2, 0, 'u64', R1)],
      [others, mov(R0, verdict), exit()],
    ];
    using program = new BpfProgram('XDP', assemble(code, { queues: this.#map.fd }), 'test_queues');
    this.#link = pair.far.run(() => BpfLink.xdp(pair.farLink.index, program));
  }

  /** Packets so far, by queue. */
  counts(queues: number): number[] {
    return [...new BigUint64Array(this.#map.memory, 0, queues)].map(Number);
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
    this.#map[Symbol.dispose]();
  }
}
