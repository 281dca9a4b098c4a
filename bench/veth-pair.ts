import { LAB, Lab } from '../src/lab/lab.ts';

/** Why the benches that send cannot run here. */
export const cannotSend = (): string | undefined =>
  process.getuid?.() === 0 ? undefined : 'needs root: it sends in network namespaces of its own';

/** A veth pair in namespaces of its own; this thread and its children are on the near side until it is disposed of. */
export function enterVethPair(): Disposable & { readonly link: string; received(): number } {
  const lab = Lab.open(1);
  const leave = lab.enter();
  return {
    link: LAB.near.name,
    received: () => lab.received().packets,
    [Symbol.dispose]() {
      leave();
      lab[Symbol.dispose]();
    },
  };
}
