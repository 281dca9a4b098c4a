import { readFileSync } from 'node:fs';
import { assemble } from '../../src/ebpf/assembler.ts';
import { alu, call, exit, jumpIf32, label, load, mapValue, mov, store } from '../../src/ebpf/code.ts';
import { type Code, type Instruction, R0, R1, R2, R3, R6, R7, R10, type Register } from '../../src/ebpf/instruction.ts';
import { BpfLink } from '../../src/linux/bpf-link.ts';
import { SharedMap } from '../../src/linux/bpf-map.ts';
import { BpfProgram } from '../../src/linux/bpf-program.ts';
import { Btf } from '../../src/linux/btf.ts';
import type { Netns } from '../../src/linux/netns.ts';
import { MAX_FRAGS } from '../../src/transmit/fragments.ts';

/** The pieces of a packet as a driver gets it: bytes of the linear part, and of each fragment. */
export interface SkbPieces {
  readonly linear: number;
  readonly fragments: readonly number[];
}

/** Which packets are looked at. */
export interface SkbProbeOptions {
  /**
   * A tracepoint whose first argument is the packet: `netif_rx` as it comes out of a veth without GRO,
   * `netif_receive_skb` as any link's comes to the stack, `net_dev_queue` as it comes to a queueing discipline.
   */
  readonly tracepoint?: 'netif_rx' | 'netif_receive_skb' | 'net_dev_queue';
  /** The namespace of the packet's link; else those of all namespaces. */
  readonly netns?: Netns;
}

/** What the program notes, in bytes of its map: how many there were, and the last one. */
const NOTED = { packets: 0, dataLen: 4, frags: 8, priority: 12, pieces: 16 } as const;
/** On the stack. */
const [LEN, HEAD, END, POINTER, INODE] = [-8, -16, -24, -32, -40] as const;

/** Looks at the packets of one length, as the kernel has them on their way. */
export class SkbProbe implements Disposable {
  readonly #map: SharedMap;
  readonly #link: BpfLink;
  readonly #length: number;
  readonly #fragLen: number;
  readonly #fragSize: number;

  /** `length`: as the packet has it there: on the receiving side without the Ethernet header. Wants CAP_PERFMON and BTF. */
  constructor(length: number, { tracepoint = 'netif_rx', netns }: SkbProbeOptions = {}) {
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
    /** From the packet in R6 to its link's namespace, by its inode. */
    const elsewhere = (inode: number): Code => [
      [read(toStack(POINTER), 8, R6, offset('sk_buff', 'dev')), load(R7, 'u64', R10, POINTER)],
      [read(toStack(POINTER), 8, R7, offset('net_device', 'nd_net')), load(R7, 'u64', R10, POINTER)],
      read(toStack(INODE), 4, R7, offset('net', 'ns') + offset('ns_common', 'inum')),
      [load(R0, 'u32', R10, INODE), jumpIf32(R0, '!=', inode, other)],
    ];
    const code: Code = [
      load(R6, 'u64', R1),
      [
        read(toStack(LEN), 4, R6, offset('sk_buff', 'len')),
        load(R0, 'u32', R10, LEN),
        jumpIf32(R0, '!=', length, other),
      ],
      netns ? elsewhere(netns.inode) : [],
      read(mapValue(R1, 'skb', NOTED.dataLen), 4, R6, offset('sk_buff', 'data_len')),
      [store(R10, END, 'u64', 0), read(toStack(HEAD), 8, R6, offset('sk_buff', 'head'))],
      [read(toStack(END), 4, R6, offset('sk_buff', 'end'))],
      [load(R7, 'u64', R10, HEAD), load(R0, 'u64', R10, END), alu(R7, '+', R0)],
      read(mapValue(R1, 'skb', NOTED.frags), 1, R7, offset('skb_shared_info', 'nr_frags')),
      read(mapValue(R1, 'skb', NOTED.pieces), MAX_FRAGS * this.#fragSize, R7, offset('skb_shared_info', 'frags')),
      read(mapValue(R1, 'skb', NOTED.priority), 4, R6, offset('sk_buff', 'priority')),
      [mapValue(R1, 'skb'), load(R2, 'u32', R1), alu(R2, '+', 1), store(R1, NOTED.packets, 'u32', R2)],
      [other, mov(R0, 0), exit()],
    ];
    using program = new BpfProgram('RAW_TRACEPOINT', assemble(code, { skb: this.#map.fd }), 'test_skb');
    this.#link = BpfLink.rawTracepoint(tracepoint, program);
  }

  get packets(): number {
    return new DataView(this.#map.memory).getUint32(NOTED.packets, true);
  }

  /** Of the last packet (skb_priority). */
  get priority(): number {
    return new DataView(this.#map.memory).getUint32(NOTED.priority, true);
  }

  /** Of the last packet; undefined when there was none. */
  get pieces(): SkbPieces | undefined {
    const view = new DataView(this.#map.memory);
    if (this.packets === 0) return undefined;
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
