import { assemble } from '../../ebpf/assembler.ts';
import { alu, call, exit, jumpIf, jumpIf32, label, load, mapValue, mov, store } from '../../ebpf/code.ts';
import { type Code, R0, R1, R2, R3, R6, R7, R10 } from '../../ebpf/instruction.ts';
import { BpfLink } from '../../linux/bpf-link.ts';
import { SharedMap } from '../../linux/bpf-map.ts';
import { BpfProgram, VerifierError } from '../../linux/bpf-program.ts';
import { memberOffset } from '../../linux/btf.ts';
import { NotSupported, SyscallError } from '../../linux/errno.ts';
import type { TransmitJob } from '../../pktgen/engine.ts';
import { addU64, readU64, STATE } from '../../template/device-state.ts';

/** The program's memory: words. A link of 0 is none. `dev`: its struct net_device, 0 until it was seen. */
const WORD = { tid: 0, ifindex: 1, drops: 2, dev: 4 } as const;
const WORDS = 6;
/** On the stack: a pointer and what it leads to. */
const POINTER = -8;

/** Where the kernel keeps what the program looks at. */
interface Offsets {
  readonly skbDev: number;
  readonly devIfindex: number;
}

/** A program on the tracepoint of packets that are thrown away: counts those of one link, thrown away by one thread. */
export const dropCode = ({ skbDev, devIfindex }: Offsets): Code => {
  const [done, count] = [label('done'), label('of the link')];
  /** Reads at R3 + `at` to the stack. */
  const read = (at: number, bytes: number): Code => [
    [alu(R3, '+', at), mov(R1, R10), alu(R1, '+', POINTER), mov(R2, bytes), call('probe_read_kernel')],
  ];
  return [
    [mov(R6, R1), mapValue(R7, 'drops'), call('get_current_pid_tgid')],
    [load(R1, 'u32', R7, WORD.tid * 4), jumpIf32(R0, '!=', R1, done)],
    [load(R3, 'u64', R6), read(skbDev, 8), load(R3, 'u64', R10, POINTER)],
    // Known by its address, it need not be looked at: that takes 20 ns.
    [load(R1, 'u64', R7, WORD.dev * 4), jumpIf(R1, '==', R3, count), mov(R6, R3), read(devIfindex, 4)],
    [load(R0, 'u32', R10, POINTER), load(R1, 'u32', R7, WORD.ifindex * 4), jumpIf32(R0, '!=', R1, done)],
    [
      store(R7, WORD.dev * 4, 'u64', R6),
      count,
      load(R0, 'u64', R7, WORD.drops * 4),
      alu(R0, '+', 1),
      store(R7, WORD.drops * 4, 'u64', R0),
    ],
    [done, mov(R0, 0), exit()],
  ];
};

/**
 * Packets that a link seems to receive (xmit_mode netif_receive) and that nobody takes: errors, as the kernel's pktgen has
 * them, that count as sent too. They are thrown away on the thread that sends, so they are known at once.
 */
export class StackDrops implements Disposable {
  readonly #tid: number;
  #map: SharedMap | undefined;
  #words = new Uint32Array(WORDS);
  #counter: Disposable | undefined;
  /** Drops that devices know of. */
  #told = 0;

  constructor(tid: number) {
    this.#tid = tid;
  }

  /** Counts for this link from now on; without one for none. Where the kernel does not let us, nothing is counted. */
  watch(ifindex: number | undefined): void {
    this.#setLink(ifindex ?? 0);
    if (ifindex === undefined || this.#counter) return;
    try {
      const offsets = { skbDev: memberOffset('sk_buff', 'dev'), devIfindex: memberOffset('net_device', 'ifindex') };
      this.#map ??= new SharedMap(WORDS * 4, 'pktgen_drops');
      this.#words = new Uint32Array(this.#map.memory, 0, WORDS);
      this.#words[WORD.tid] = this.#tid;
      this.#setLink(ifindex);
      using program = new BpfProgram(
        'RAW_TRACEPOINT',
        assemble(dropCode(offsets), { drops: this.#map.fd }),
        'pktgen_drops',
      );
      this.#counter = BpfLink.rawTracepoint('kfree_skb', program);
    } catch (error) {
      if (!MISSING.some((kind) => error instanceof kind)) throw error;
    }
  }

  #setLink(ifindex: number): void {
    if (this.#words[WORD.ifindex] === ifindex) return;
    this.#words[WORD.ifindex] = ifindex;
    this.#words.fill(0, WORD.dev, WORDS);
  }

  /** Drops so far were of earlier runs. */
  begin(): void {
    this.#told = readU64(this.#words, WORD.drops);
  }

  /** Passes on what was thrown away since the last time: to each device no more than it has sent. */
  settle(jobs: readonly TransmitJob[]): void {
    let rest = readU64(this.#words, WORD.drops) - this.#told;
    for (const { mode, state } of jobs) {
      if (mode !== 'netif_receive' || rest === 0) continue;
      const share = Math.min(rest, readU64(state, STATE.sofar) - readU64(state, STATE.errors));
      if (share <= 0) continue;
      addU64(state, STATE.errors, share);
      this.#told += share;
      rest -= share;
    }
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
    this.#map?.[Symbol.dispose]();
  }
}

/** A kernel without BTF or the tracepoint, or a process that may not look. */
const MISSING = [SyscallError, VerifierError, NotSupported] as const;
