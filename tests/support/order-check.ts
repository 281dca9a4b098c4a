import { assemble } from '../../src/ebpf/assembler.ts';
import { alu, exit, jumpIf, label, load, mapValue, mov, store, toBigEndian } from '../../src/ebpf/code.ts';
import { R0, R1, R2, R3, R4, R5 } from '../../src/ebpf/instruction.ts';
import { BpfLink, XDP } from '../../src/linux/bpf-link.ts';
import { SharedMap } from '../../src/linux/bpf-map.ts';
import { BpfProgram } from '../../src/linux/bpf-program.ts';
import type { TestPair } from './netns.ts';

/** Members of struct xdp_md. */
const CTX = { data: 0, dataEnd: 4, rxQueueIndex: 16 } as const;
/** What is kept for a queue: 64-bit words. */
const WORD = { packets: 0, sum: 8, last: 16, disorder: 24 } as const;
const QUEUE_LEN = 32;
const MOST_QUEUES = 8;
/** Where frames have their number: right behind the Ethernet header. */
export const NUMBER_AT = 14;

/** What came on all queues. */
export interface Arrived {
  readonly packets: number;
  /** Of their numbers. */
  readonly sum: number;
  /** Packets whose number was not above that of the one before on the same queue. */
  readonly disorder: number;
}

/** Looks at the numbers of what arrives at the far end, queue by queue, and drops it. */
export class OrderCheck implements Disposable {
  readonly #map = new SharedMap(MOST_QUEUES * QUEUE_LEN, 'test_order');
  readonly #link: BpfLink;

  constructor(pair: TestPair) {
    const [others, ordered] = [label('not looked at'), label('ordered')];
    const code = [
      [load(R2, 'u32', R1, CTX.data), load(R3, 'u32', R1, CTX.dataEnd), load(R4, 'u32', R1, CTX.rxQueueIndex)],
      [mov(R5, R2), alu(R5, '+', NUMBER_AT + 4), jumpIf(R5, '>', R3, others), jumpIf(R4, '>=', MOST_QUEUES, others)],
      [load(R0, 'u32', R2, NUMBER_AT), toBigEndian(R0, 32)],
      [mapValue(R1, 'queues'), alu(R4, '*', QUEUE_LEN), alu(R1, '+', R4)],
      ([WORD.packets, WORD.sum] as const).map((word) => [
        load(R2, 'u64', R1, word),
        alu(R2, '+', word === WORD.sum ? R0 : 1),
        store(R1, word, 'u64', R2),
      ]),
      [load(R2, 'u64', R1, WORD.last), store(R1, WORD.last, 'u64', R0), jumpIf(R0, '>', R2, ordered)],
      [load(R2, 'u64', R1, WORD.disorder), alu(R2, '+', 1), store(R1, WORD.disorder, 'u64', R2)],
      [ordered, others, mov(R0, XDP.DROP), exit()],
    ];
    using program = new BpfProgram('XDP', assemble(code, { queues: this.#map.fd }), 'test_order');
    this.#link = pair.far.run(() => BpfLink.xdp(pair.farLink.index, program));
  }

  get arrived(): Arrived {
    const words = new BigUint64Array(this.#map.memory, 0, (MOST_QUEUES * QUEUE_LEN) / 8);
    const total = (word: number): number =>
      words.reduce((sum, value, i) => (i % (QUEUE_LEN / 8) === word / 8 ? sum + Number(value) : sum), 0);
    return { packets: total(WORD.packets), sum: total(WORD.sum), disorder: total(WORD.disorder) };
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
    this.#map[Symbol.dispose]();
  }
}
