import { release } from 'node:os';
import { ERRNO, SyscallError } from '../../linux/errno.ts';
import { RouteSocket } from '../../linux/rtnetlink.ts';
import { XDP_FEATURE, xdpFeatures } from '../../linux/xdp-features.ts';
import type { LiveFacts } from '../choose-transmitter.ts';

/** The first kernel with live frames (BPF_F_TEST_XDP_LIVE_FRAMES). */
const SINCE = [5, 18] as const;

/** What the kernel refuses, for people. `refused`: the error of the first map that was asked for. */
export function missingForLive(refused: string | undefined, kernel = release()): string | undefined {
  const [major = 0, minor = 0] = kernel.split('.', 2).map(Number);
  if (major < SINCE[0] || (major === SINCE[0] && minor < SINCE[1])) {
    return `live frames need Linux ${SINCE.join('.')}, this is ${kernel}`;
  }
  if (refused === undefined) return undefined;
  return `live frames want the capabilities CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, outside of user namespaces (${refused})`;
}

/** Whether a link of this network namespace takes live frames. */
export function liveFacts(ifindex: number, refused: string | undefined): LiveFacts {
  const missing = missingForLive(refused);
  if (missing !== undefined) return { missing };
  let features: number | undefined;
  try {
    features = xdpFeatures(ifindex);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENODEV)
      return { takesFrames: false, linkReason: 'the link is gone' };
    throw error;
  }
  if (features === undefined) return {};
  if ((features & XDP_FEATURE.NDO_XMIT) !== 0) return { takesFrames: true };
  using routes = new RouteSocket();
  const kind = routes.link(ifindex)?.kind;
  const linkReason =
    kind === 'veth'
      ? 'the other end of a veth takes them only with GRO or an XDP program, and as many queues: "ethtool -K PEER gro on" there'
      : `the driver of ${kind === undefined ? 'the link' : `a ${kind}`} takes no redirected frames`;
  return { takesFrames: false, linkReason };
}
