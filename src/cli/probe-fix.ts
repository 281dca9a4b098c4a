import { EthtoolSocket } from '../linux/ethtool.ts';
import { RouteSocket } from '../linux/rtnetlink.ts';
import type { LinkFacts } from './probe.ts';

/**
 * Makes the faster transmitter possible on a link of ours: the other end of a veth in this namespace gets GRO. Says what it
 * did, or why it could not; nothing where there is nothing to do.
 */
export function fixLink({ name, kind, noLive }: LinkFacts): string | undefined {
  if (noLive === undefined) return undefined;
  if (kind !== 'veth') return `${name}: only links of our own making are changed, such as a veth: ${noLive}`;
  using routes = new RouteSocket();
  const peer = routes.link(name)?.peer;
  const other = peer === undefined ? undefined : routes.link(peer)?.name;
  if (other === undefined) {
    return `${name}: its other end is in another namespace: "ip netns exec NAME ethtool -K PEER gro on" there`;
  }
  using ethtool = new EthtoolSocket();
  return ethtool.turnOnGro(other)
    ? `${other}, the other end of ${name}: GRO is on now ("ethtool -K ${other} gro off" undoes it)`
    : `${other}, the other end of ${name}: GRO cannot be turned on: wants the capability CAP_NET_ADMIN`;
}
