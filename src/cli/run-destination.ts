import { LAB, Lab } from '../lab/lab.ts';
import { hasCapability } from '../linux/capabilities.ts';
import { RouteSocket } from '../linux/rtnetlink.ts';
import type { RunOptions } from './run-options.ts';
import type { PlannedLink } from './run-plan.ts';
import { openNamedReceiver, openRunReceiver, type RunReceiver } from './run-receiver.ts';
import { RunError, UsageError } from './usage-error.ts';

/** Where a run sends to. */
export interface Destination extends AsyncDisposable {
  readonly link: PlannedLink;
  /** Lines for each device, before those that the user asked for. */
  readonly defaults: readonly string[];
  /** One line: from where to where. */
  readonly what: string;
  /** What measures where the packets arrive; none where nobody asked for it. */
  readonly receiver?: RunReceiver;
  /** What the far end's link has counted, where nobody else sends to it. */
  counted?(): { readonly packets: number; readonly bytes: number };
}

/** Packets of a run in the lab where no number is given: some seconds on a small machine. */
const LAB_COUNT = 1_000_000;
const LAB_SIZE = 60;
/** The lab's links have no IPv6 addresses, which would announce themselves; packets carry this one. */
const LAB_SOURCE_IPV6 = 'fe80::1';
const wantsIpv6 = ({ ipv6, dest, dst6, dst6Min }: RunOptions): boolean =>
  ipv6 === true || [dest, dst6, dst6Min].some((address) => address?.includes(':'));

/** A private lab. From here on this thread, and the workers it starts, are in its near namespace. */
export async function labDestination(options: RunOptions): Promise<Destination> {
  if (typeof options.sink === 'string')
    throw new UsageError('--sink: wants a link to send to, -i DEV; the lab has its own');
  const threads = Number(options.threads ?? 1);
  const lab = Lab.open(threads);
  let farEnd: { receiver?: RunReceiver } & Disposable;
  try {
    farEnd = labFarEnd(lab, options);
  } catch (error) {
    lab[Symbol.dispose]();
    throw error;
  }
  const { receiver } = farEnd;
  lab.near.enter();
  return {
    link: { name: LAB.near.name, txQueues: threads },
    defaults: [
      `count ${LAB_COUNT}`,
      `pkt_size ${LAB_SIZE}`,
      `dst_mac ${LAB.far.mac}`,
      `dst_min ${LAB.far.ipv4.join('.')}`,
      `dst_max ${LAB.far.ipv4.join('.')}`,
      ...(wantsIpv6(options) ? [`src6 ${LAB_SOURCE_IPV6}`] : []),
    ],
    what: `private lab: ${LAB.near.name} (${LAB.near.mac}) > ${LAB.far.name} (${LAB.far.mac})`,
    ...(receiver && { receiver }),
    counted: () => lab.received(),
    async [Symbol.asyncDispose]() {
      farEnd[Symbol.dispose]();
      lab[Symbol.dispose]();
    },
  };
}

/** What takes the packets at the far end of the lab: measures them, or drops them where nobody wants that. */
function labFarEnd(lab: Lab, options: RunOptions): { receiver?: RunReceiver } & Disposable {
  if (!sendsToLink(options) || options.sink === false) {
    const drops = lab.dropInXdp();
    return { [Symbol.dispose]: () => drops?.[Symbol.dispose]() };
  }
  const receiver = lab.onFarSide((ifindex) => openRunReceiver(LAB.far.name, ifindex, options, 'one-way'));
  return { receiver, [Symbol.dispose]: () => receiver[Symbol.dispose]() };
}

/** Whether packets go to a link, and not to a file or nowhere. */
export const sendsToLink = ({ pcap, transmitter }: RunOptions): boolean => pcap === undefined && transmitter !== 'null';

/** A link of this network namespace. */
export function linkDestination(link: string, options: RunOptions): Destination {
  using routes = new RouteSocket();
  const info = routes.link(link.split('@', 1)[0] ?? link);
  if (!info) throw new RunError(`${link}: there is no such link here ("ip link" lists them)`);
  const sends = sendsToLink(options);
  if (sends && !options.force && routes.defaultRouteLinks().includes(info.index)) {
    throw new RunError(
      `${link} carries the default route: a flood there cuts this machine off and may disturb others; --force sends all the same`,
    );
  }
  if (sends && !hasCapability('CAP_NET_RAW')) {
    throw new RunError(
      `sending to ${link} wants the capability CAP_NET_RAW: run it with sudo, or give it to node once: ` +
        'sudo setcap cap_net_raw+ep "$(command -v node)"; without it, "pktgen run" works in its private lab',
    );
  }
  const receiver = typeof options.sink === 'string' ? openNamedReceiver(options.sink, options, info.name) : undefined;
  return {
    link: { name: link, txQueues: info.txQueues },
    defaults: [],
    what: link,
    ...(receiver && { receiver }),
    async [Symbol.asyncDispose]() {
      receiver?.[Symbol.dispose]();
    },
  };
}
