import { readFileSync } from 'node:fs';
import { assemble } from '../../src/ebpf/assembler.ts';
import { alu, call, exit, jumpIf32, label, load, mapValue, mov, store } from '../../src/ebpf/code.ts';
import { type Code, type Instruction, R0, R1, R2, R3, R6, R7, R10, type Register } from '../../src/ebpf/instruction.ts';
import { BpfLink } from '../../src/linux/bpf-link.ts';
import { SharedMap } from '../../src/linux/bpf-map.ts';
import { BpfProgram } from '../../src/linux/bpf-program.ts';
import { Btf } from '../../src/linux/btf.ts';
import { MAX_FRAGS } from '../../src/transmit/fragments.ts';

/** The pieces of a packet as a driver gets it: bytes of the linear part, and of each fragment. */
export interface SkbPieces {
  readonly linear: number;
  readonly fragments: readonly number[];
}

/** What the program notes, in bytes of its map: the last packet of that length. */
const NOTED = { seen: 0, dataLen: 4, frags: 8, pieces: 16 } as const;
/** On the stack. */
const [LEN, HEAD, END] = [-8, -16, -24] as const;

/** Looks at the packets of one length that come out of a veth (tracepoint netif_rx), after their Ethernet header. */
export class SkbProbe implements Disposable {
  readonly #map: SharedMap;
  readonly #link: BpfLink;
  readonly #length: number;
  readonly #fragLen: number;
  readonly #fragSize: number;

  /** `length`: without the Ethernet header. Wants CAP_PERFMON and BTF. */
  constructor(length: number) {
    const btf = new Btf(readFileSync('/sys/kernel/btf/vmlinux'));
    const offset = (struct: string, member: string): number => {
      const at = btf.struct(struct)?.members.get(member);
      if (at === undefined) throw new Error(`BTF knows no ${struct}.${member}`);
      return at;
    };
    this.#length = length;
    this.#fragSize = btf.struct('skb_frag')?.size ?? 0;
    this.#fragLen = offset('skb_frag', 'len');
    this.#map = new SharedMap(NOTED.pieces + MAX_FRAGS * this.#fragSize, 'test_skb');
    /** Reads kernel memory at `from` + `at` to the stack or to the map. */
    const read = (to: Code | Instruction, bytes: number, from: Register, at: number): Code => [
      [to, mov(R2, bytes), mov(R3, from), alu(R3, '+', at), call('probe_read_kernel')],
    ];
    const toStack = (at: number): Code => [mov(R1, R10), alu(R1, '+', at)];
    const other = label('another packet');
    const code: Code = [
      load(R6, 'u64', R1),
      [
        read(toStack(LEN), 4, R6, offset('sk_buff', 'len')),
        load(R0, 'u32', R10, LEN),
        jumpIf32(R0, '!=', length, other),
      ],
      read(mapValue(R1, 'skb', NOTED.dataLen), 4, R6, offset('sk_buff', 'data_len')),
      [store(R10, END, 'u64', 0), read(toStack(HEAD), 8, R6, offset('sk_buff', 'head'))],
      [read(toStack(END), 4, R6, offset('sk_buff', 'end'))],
      [load(R7, 'u64', R10, HEAD), load(R0, 'u64', R10, END), alu(R7, '+', R0)],
      read(mapValue(R1, 'skb', NOTED.frags), 1, R7, offset('skb_shared_info', 'nr_frags')),
      read(mapValue(R1, 'skb', NOTED.pieces), MAX_FRAGS * this.#fragSize, R7, offset('skb_shared_info', 'frags')),
      [mapValue(R1, 'skb'), store(R1, NOTED.seen, 'u32', 1)],
      [other, mov(R0, 0), exit()],
    ];
    using program = new BpfProgram('RAW_TRACEPOINT', assemble(code, { skb: this.#map.fd }), 'test_skb');
    this.#link = BpfLink.rawTracepoint('netif_rx', program);
  }

  /** Of the last packet; undefined when there was none. */
  get pieces(): SkbPieces | undefined {
    const view = new DataView(this.#map.memory);
    if (view.getUint32(NOTED.seen, true) === 0) return undefined;
    const fragments = Array.from({ length: view.getUint8(NOTED.frags) }, (_, i) =>
      view.getUint32(NOTED.pieces + i * this.#fragSize + this.#fragLen, true),
    );
    return { linear: this.#length - view.getUint32(NOTED.dataLen, true), fragments };
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
    this.#map[Symbol.dispose]();
  }
}
