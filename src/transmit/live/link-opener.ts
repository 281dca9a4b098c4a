import { assemble } from '../../ebpf/assembler.ts';
import { exit, mov } from '../../ebpf/code.ts';
import { R0 } from '../../ebpf/instruction.ts';
import { BpfLink, XDP } from '../../linux/bpf-link.ts';
import { BpfProgram } from '../../linux/bpf-program.ts';
import { SyscallError } from '../../linux/errno.ts';
import { XDP_FEATURE, xdpFeatures } from '../../linux/xdp-features.ts';
import type { TransmitJob } from '../../pktgen/engine.ts';

/** What opening links needs of the kernel. */
export interface XdpAccess {
  /** XDP_FEATURE bits of a link; undefined where the kernel does not tell. */
  features(ifindex: number): number | undefined;
  /** Puts a program on a link that lets all frames pass. Throws EBUSY where there is one. */
  attach(ifindex: number): Disposable;
}

const KERNEL: XdpAccess = {
  features: xdpFeatures,
  attach(ifindex) {
    using program = new BpfProgram('XDP', assemble([mov(R0, XDP.PASS), exit()]), 'pktgen_pass');
    return BpfLink.xdp(ifindex, program);
  },
};

/** A link that has a program of ours, and the devices that need it. */
interface OpenLink {
  readonly program: Disposable;
  readonly devices: Set<number>;
}

/**
 * Some drivers take redirected frames only while an XDP program is on their link. For such a link ours is put there when
 * a run begins and taken off when the last one ends; it lets everything pass, and never replaces another.
 */
export class LinkOpener {
  readonly #kernel: XdpAccess;
  readonly #links = new Map<number, OpenLink>();
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void, kernel: XdpAccess = KERNEL) {
    this.#log = log;
    this.#kernel = kernel;
  }

  /** A device is about to send. Where nothing can be done nothing is: the ring does it then, and says why. */
  open({ id, link, transmitter, mode }: Pick<TransmitJob, 'id' | 'link' | 'transmitter' | 'mode'>): void {
    // The other end of a veth decides, not a program on this one.
    const wanted = (transmitter === 'auto' || transmitter === 'live') && mode === 'start_xmit' && link.kind !== 'veth';
    if (!wanted) return;
    const known = this.#links.get(link.index);
    if (known) {
      known.devices.add(id);
      return;
    }
    try {
      this.#attach(id, link);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  #attach(id: number, { index, name }: TransmitJob['link']): void {
    const features = this.#kernel.features(index);
    if (features === undefined || !isClosed(features)) return;
    const program = this.#kernel.attach(index);
    if (isClosed(this.#kernel.features(index) ?? 0)) {
      program[Symbol.dispose]();
      return;
    }
    this.#links.set(index, { program, devices: new Set([id]) });
    this.#log(
      `${name}: its driver takes live frames only with an XDP program: one that lets all pass is there for the run`,
    );
  }

  /** A device has stopped. */
  release(id: number): void {
    for (const [index, { program, devices }] of this.#links) {
      devices.delete(id);
      if (devices.size > 0) continue;
      program[Symbol.dispose]();
      this.#links.delete(index);
    }
  }

  close(): void {
    for (const { program } of this.#links.values()) program[Symbol.dispose]();
    this.#links.clear();
  }
}

/** XDP works there, but no frames are taken as it stands. */
const isClosed = (features: number): boolean =>
  (features & XDP_FEATURE.BASIC) !== 0 && (features & XDP_FEATURE.NDO_XMIT) === 0;
