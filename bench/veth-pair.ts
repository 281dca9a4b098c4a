import { LAB, Lab } from '../src/lab/lab.ts';
import type { BpfProgram } from '../src/linux/bpf-program.ts';

/** Why the benches that send cannot run here. */
export const cannotSend = (): string | undefined =>
  process.getuid?.() === 0 ? undefined : 'needs root: it sends in network namespaces of its own';

/** A veth pair in namespaces of its own; this thread and its children are on the near side until it is disposed of. */
export interface VethPair extends Disposable {
  readonly link: string;
  /** Has an XDP program take what arrives at the far end. */
  attach(program: BpfProgram): Disposable;
  /** Makes something in the far namespace, for the link there. */
  onFarSide<T>(make: (ifindex: number) => T): T;
  /** Packets that the far end's own counter shows. */
  received(): number;
}

/** `sink`: the far end drops frames in XDP, as fast as they come. `queues`: of each end. */
export function enterVethPair({ queues = 1, sink = false }: { queues?: number; sink?: boolean } = {}): VethPair {
  const lab = Lab.open(queues);
  const drops = sink ? lab.dropInXdp() : undefined;
  const leave = lab.enter();
  return {
    link: LAB.near.name,
    attach: (program) => lab.attachAtFarEnd(program),
    onFarSide: (make) => lab.onFarSide(make),
    received: () => lab.received().packets,
    [Symbol.dispose]() {
      leave();
      drops?.[Symbol.dispose]();
      lab[Symbol.dispose]();
    },
  };
}
