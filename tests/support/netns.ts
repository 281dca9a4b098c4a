import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hasCapability } from '../../src/linux/capabilities.ts';
import { Netns } from '../../src/linux/netns.ts';
import { type LinkInfo, RouteSocket } from '../../src/linux/rtnetlink.ts';

/** Why tests with network namespaces cannot run here; false when they can, and then they must. */
export const whyNoNetns: string | false = hasCapability('CAP_SYS_ADMIN')
  ? false
  : 'needs root (CAP_SYS_ADMIN): makes network namespaces';

export const NEAR_MAC = '02:00:00:00:00:01';
export const FAR_MAC = '02:00:00:00:00:02';

/** Two namespaces without names, joined by pg0 (near) and pg0p (far), both up, IPv6 off. Gone with the test. */
export class TestPair implements Disposable {
  readonly near = newQuietNetns();
  readonly far = newQuietNetns();
  readonly nearRoutes = this.near.run(() => new RouteSocket());
  readonly farRoutes = this.far.run(() => new RouteSocket());

  constructor({ queues = 1 }: { queues?: number } = {}) {
    const ends = { name: 'pg0', mac: NEAR_MAC, peer: 'pg0p', peerMac: FAR_MAC, queues, peerNetnsFd: this.far.fd };
    this.nearRoutes.addVeth(ends);
    this.nearRoutes.setUp(this.nearLink.index);
    this.farRoutes.setUp(this.farLink.index);
  }
  get nearLink(): LinkInfo {
    return linkOf(this.nearRoutes, 'pg0');
  }
  get farLink(): LinkInfo {
    return linkOf(this.farRoutes, 'pg0p');
  }
  [Symbol.dispose](): void {
    for (const owner of [this.nearRoutes, this.farRoutes, this.near, this.far]) owner[Symbol.dispose]();
  }
}

/** The link of that name, which must be there. */
export function linkOf(routes: RouteSocket, name: string): LinkInfo {
  const link = routes.link(name);
  if (!link) throw new Error(`no link ${name}`);
  return link;
}

/** A namespace whose links say nothing of their own accord. */
export function newQuietNetns(): Netns {
  const netns = Netns.create();
  netns.run(() => {
    for (const scope of ['all', 'default']) {
      const setting = `/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`;
      if (existsSync(setting)) writeFileSync(setting, '1');
    }
  });
  return netns;
}

/** What this process holds: open descriptors, and mappings of sockets. A leak shows as a difference. */
export const held = (): { descriptors: number; mappings: number } => ({
  // The listing itself has one open.
  descriptors: readdirSync('/proc/self/fd').length - 1,
  mappings: readFileSync('/proc/self/maps', 'latin1').match(/socket:\[/g)?.length ?? 0,
});
