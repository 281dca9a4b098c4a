import { assemble } from '../ebpf/assembler.ts';
import type { BpfLink } from '../linux/bpf-link.ts';
import { SharedMap } from '../linux/bpf-map.ts';
import { BpfProgram } from '../linux/bpf-program.ts';
import { attachXdp } from './attach-xdp.ts';
import { REFLECTED, REFLECTED_WORDS, reflectCode } from './reflect-program.ts';

/** Returns packets of pktgen's to their sender, in XDP. Wants CAP_BPF and CAP_NET_ADMIN. */
export class Reflector implements Disposable {
  readonly where: 'driver' | 'stack';
  readonly #counts = new SharedMap(REFLECTED_WORDS * 8, 'pktgen_reflect');
  readonly #words = new BigUint64Array(this.#counts.memory, 0, REFLECTED_WORDS);
  readonly #link: BpfLink;

  /** Throws SyscallError: EBUSY where another program is on the link. */
  constructor(ifindex: number) {
    try {
      using program = new BpfProgram('XDP', assemble(reflectCode(), { reflected: this.#counts.fd }), 'pktgen_reflect');
      const { link, where } = attachXdp(ifindex, program);
      this.#link = link;
      this.where = where;
    } catch (error) {
      this.#counts[Symbol.dispose]();
      throw error;
    }
  }

  /** Packets sent back, and frames of others. */
  get counts(): { readonly returned: number; readonly others: number } {
    return {
      returned: Number(this.#words[REFLECTED.returned] ?? 0n),
      others: Number(this.#words[REFLECTED.others] ?? 0n),
    };
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
    this.#counts[Symbol.dispose]();
  }
}
