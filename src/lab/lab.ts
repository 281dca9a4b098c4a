import { BpfLink } from '../linux/bpf-link.ts';
import { BpfProgram } from '../linux/bpf-program.ts';
import { ERRNO, SyscallError } from '../linux/errno.ts';
import { Netns } from '../linux/netns.ts';
import { RouteSocket } from '../linux/rtnetlink.ts';

/** The links of the lab, with the names and addresses of the recordings of the kernel's pktgen. */
export const LAB = {
  near: { name: 'pg0', mac: '02:00:00:00:00:01', ipv4: [10, 9, 0, 1] },
  far: { name: 'pg0p', mac: '02:00:00:00:00:02', ipv4: [10, 9, 0, 2] },
} as const;

/** A program that drops every frame: `r0 = XDP_DROP; exit`. */
const XDP_DROP_ALL = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/** What the far end has counted. */
export interface Received {
  readonly packets: number;
  readonly bytes: number;
}

/**
 * A private lab: two network namespaces without names, joined by a veth pair. Nobody else is in them, so the far link's
 * own counters are what was sent. They are gone with the process, however that ends.
 */
export class Lab implements Disposable {
  /** The sending side. */
  readonly near: Netns;
  readonly #far: Netns;
  readonly #farRoutes: RouteSocket;
  readonly #farIndex: number;

  private constructor(near: Netns, far: Netns, farRoutes: RouteSocket, farIndex: number) {
    this.near = near;
    this.#far = far;
    this.#farRoutes = farRoutes;
    this.#farIndex = farIndex;
  }

  /** Makes the lab. Wants CAP_SYS_ADMIN and CAP_NET_ADMIN, which a user namespace gives. `queues`: of each link. */
  static open(queues: number): Lab {
    const near = Netns.create();
    const far = Netns.create();
    let farRoutes: RouteSocket | undefined;
    try {
      using nearRoutes = near.run(() => new RouteSocket());
      farRoutes = far.run(() => new RouteSocket());
      const { near: here, far: there } = LAB;
      nearRoutes.addVeth({
        name: here.name,
        mac: here.mac,
        peer: there.name,
        peerMac: there.mac,
        queues,
        peerNetnsFd: far.fd,
      });
      const nearIndex = indexOf(nearRoutes, here.name);
      const farIndex = indexOf(farRoutes, there.name);
      // Neighbour discovery would be counted too.
      nearRoutes.silence(nearIndex);
      farRoutes.silence(farIndex);
      nearRoutes.addAddress(nearIndex, Uint8Array.from(here.ipv4), 24);
      nearRoutes.setUp(nearIndex);
      // Without an address the far end drops what comes, instead of answering each packet with an ICMP error.
      farRoutes.setUp(farIndex);
      return new Lab(near, far, farRoutes, farIndex);
    } catch (error) {
      for (const owner of [near, far, farRoutes]) owner?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Moves the calling thread, and what it starts from then on, to the near side; call what it gives to come back. */
  enter(): () => void {
    const before = Netns.current();
    this.near.enter();
    return () => {
      before.enter();
      before[Symbol.dispose]();
    };
  }

  /**
   * Has the far end drop frames as they come, in XDP: it keeps up with any sender, and the near end takes live frames.
   * Wants CAP_BPF outside of user namespaces; undefined where that is not to be had.
   */
  dropInXdp(): Disposable | undefined {
    try {
      return this.#dropInXdp();
    } catch (error) {
      if (error instanceof SyscallError && error.errno === ERRNO.EPERM) return undefined;
      throw error;
    }
  }

  /** Does something in the far namespace, with the link there. */
  onFarSide<T>(work: (ifindex: number) => T): T {
    return this.#far.run(() => work(this.#farIndex));
  }

  /** Has an XDP program take what arrives at the far end, as long as it is not disposed of. */
  attachAtFarEnd(program: BpfProgram): Disposable {
    return this.onFarSide((ifindex) => BpfLink.xdp(ifindex, program));
  }

  #dropInXdp(): Disposable {
    using program = new BpfProgram('XDP', XDP_DROP_ALL, 'pktgen_drop');
    return this.attachAtFarEnd(program);
  }

  received(): Received {
    const statistics = this.#farRoutes.link(this.#farIndex)?.statistics;
    return { packets: statistics?.rxPackets ?? 0, bytes: statistics?.rxBytes ?? 0 };
  }

  [Symbol.dispose](): void {
    this.#farRoutes.close();
    this.near[Symbol.dispose]();
    this.#far[Symbol.dispose]();
  }
}

function indexOf(routes: RouteSocket, name: string): number {
  const link = routes.link(name);
  if (!link) throw new Error(`the link ${name} of the lab is not there`);
  return link.index;
}
