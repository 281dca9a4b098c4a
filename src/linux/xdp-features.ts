import { ERRNO, SyscallError } from './errno.ts';
import { concat, NetlinkSocket, parseAttributes, textAttribute, u32Attribute } from './netlink.ts';

const NETLINK_GENERIC = 16;
/** Generic netlink's own family, linux/genetlink.h. */
const GENL_ID_CTRL = 16;
const CTRL = { CMD_GETFAMILY: 3, ATTR_FAMILY_ID: 1, ATTR_FAMILY_NAME: 2 } as const;
/** The family netdev, linux/netdev.h. */
const NETDEV = { NAME: 'netdev', CMD_DEV_GET: 1, A_DEV_IFINDEX: 1, A_DEV_XDP_FEATURES: 3 } as const;
/** struct genlmsghdr of linux/genetlink.h. */
const genlmsghdr = { size: 4, cmd: 0, version: 1 } as const;

/** What a link can do in XDP (enum netdev_xdp_act, linux/netdev.h). */
export const XDP_FEATURE = {
  BASIC: 1,
  REDIRECT: 2,
  /** Takes frames that are redirected to it. */
  NDO_XMIT: 4,
  XSK_ZEROCOPY: 8,
  HW_OFFLOAD: 16,
  RX_SG: 32,
  NDO_XMIT_SG: 64,
} as const;

function request(socket: NetlinkSocket, family: number, command: number, attribute: Uint8Array, what: string) {
  const header = new Uint8Array(genlmsghdr.size);
  header[genlmsghdr.cmd] = command;
  header[genlmsghdr.version] = 1;
  const [answer] = socket.request(family, 0, concat([header, attribute]), what);
  return parseAttributes(answer?.body ?? new Uint8Array(), genlmsghdr.size);
}

/**
 * The XDP features of a link in this thread's network namespace: bits of XDP_FEATURE; undefined where the kernel does not
 * tell them (before 6.3). Throws SyscallError: ENODEV.
 */
export function xdpFeatures(ifindex: number): number | undefined {
  using socket = new NetlinkSocket(NETLINK_GENERIC);
  let family: number | undefined;
  try {
    const attributes = request(
      socket,
      GENL_ID_CTRL,
      CTRL.CMD_GETFAMILY,
      textAttribute(CTRL.ATTR_FAMILY_NAME, NETDEV.NAME),
      'CTRL_CMD_GETFAMILY netdev',
    );
    const id = attributes.get(CTRL.ATTR_FAMILY_ID);
    family = id && new DataView(id.buffer, id.byteOffset).getUint16(0, true);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.ENOENT) throw error;
  }
  if (family === undefined) return undefined;
  const what = `NETDEV_CMD_DEV_GET link ${ifindex}`;
  const answer = request(socket, family, NETDEV.CMD_DEV_GET, u32Attribute(NETDEV.A_DEV_IFINDEX, ifindex), what);
  const features = answer.get(NETDEV.A_DEV_XDP_FEATURES);
  // All that there are fit into the lower half of 64 bits.
  return features && new DataView(features.buffer, features.byteOffset).getUint32(0, true);
}
