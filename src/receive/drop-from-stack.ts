import { SyscallError } from '../linux/errno.ts';
import { IngressDrop } from '../linux/nftables.ts';
import { RouteSocket } from '../linux/rtnetlink.ts';
import { IP_PROTOCOL } from '../wire/ipv4.ts';
import { PKTGEN_MAGIC } from '../wire/pktgen-header.ts';
import { UDP_HEADER_LEN } from '../wire/udp.ts';

/** Receivers of this process so far. */
let made = 0;

/**
 * Keeps packets of ours from the stack, which looks at each for longer than a receiver does: half as many again arrive then.
 * Those behind MPLS labels or two VLAN tags it lets pass. Undefined where the kernel does not let us: they all pass.
 */
export function dropFromStack(ifindex: number): Disposable | undefined {
  using routes = new RouteSocket();
  const link = routes.link(ifindex);
  if (!link) return undefined;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, PKTGEN_MAGIC);
  const rule = { protocol: IP_PROTOCOL.UDP, offset: UDP_HEADER_LEN, bytes };
  try {
    return new IngressDrop(link.name, rule, `pktgen_${process.pid}_${++made}`);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}
