import { readdirSync, readFileSync } from 'node:fs';
import { hasCapability } from '../../src/linux/capabilities.ts';
import { Netns } from '../../src/linux/netns.ts';
import { type LinkInfo, RouteSocket } from '../../src/linux/rtnetlink.ts';

/** Why tests with network namespaces cannot run here; false when they can, and then they must. */
export const whyNoNetns: string | false = hasCapability('CAP_SYS_ADMIN')
  ? false
  : 'needs root (CAP_SYS_ADMIN): makes network namespaces';

export const NEAR_MAC = '02:00:00:00:00:01';
export const FAR_MAC = '02:00:00:00:00:02';

/** Two namespaces without names, joined by pg0 (near) and pg0p (far), both up, silent. Gone with the test. */
export class TestPair implements Disposable {
  readonly near = Netns.create();
  readonly far = Netns.create();
  readonly nearRoutes = this.near.run(() => new RouteSocket());
  readonly farRoutes = this.far.run(() => new RouteSocket());

  constructor({ queues = 1 }: { queues?: number } = {}) {
    const ends = { name: 'pg0', mac: NEAR_MAC, peer: 'pg0p', peerMac: FAR_MAC, queues, peerNetnsFd: this.far.fd };
    this.nearRoutes.addVeth(ends);
    this.nearRoutes.silence(this.nearLink.index);
    this.farRoutes.silence(this.farLink.index);
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

/** What this process holds: open descriptors, and mappings of sockets. A leak shows as a difference. */
export const held = (): { descriptors: number; mappings: number } => ({
  // The listing itself has one open.
  descriptors: readdirSync('/proc/self/fd').length - 1,
  mappings: readFileSync('/proc/self/maps', 'latin1').match(/socket:\[/g)?.length ?? 0,
});
