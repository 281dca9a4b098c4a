import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { release } from 'node:os';
import { forbiddenBy } from '../lab/user-namespace.ts';
import { type Capability, hasCapability } from '../linux/capabilities.ts';
import { cpuQuota } from '../linux/cpu-quota.ts';
import { linkQueues } from '../linux/link-queues.ts';
import { RouteSocket } from '../linux/rtnetlink.ts';
import { allowedCpus } from '../linux/sched.ts';
import { XDP_FEATURE, xdpFeatures } from '../linux/xdp-features.ts';
import { xskRefused } from '../linux/xsk-socket.ts';
import { kindSharesSkb } from '../pktgen/link.ts';
import { DeviceMemory } from '../transmit/device-memory.ts';
import { liveFacts, missingForLive } from '../transmit/live/live-facts.ts';
import { formatIpv4 } from '../wire/ipv4-address.ts';
import { formatIpv6 } from '../wire/ipv6-address.ts';
import { formatMac } from '../wire/mac.ts';
import { CAPABILITY_USE, type LinkFacts, type MachineFacts } from './probe.ts';
import { RunError } from './usage-error.ts';

/** Looks at this machine and process; changes nothing, needs no privileges. */
export function machineFacts(): MachineFacts {
  const fuse = fuseError();
  const forbidden = userNamespacesForbiddenBy();
  const noLive = missingForLive(new DeviceMemory().refused);
  const noXsk = xskRefused();
  const quota = cpuQuota();
  return {
    kernel: release(),
    uid: process.geteuid?.() ?? 0,
    missing: (Object.keys(CAPABILITY_USE) as Capability[]).filter((name) => !hasCapability(name)),
    ...(fuse !== undefined && { fuseError: fuse }),
    ...(forbidden !== undefined && { userNamespacesForbiddenBy: forbidden }),
    cpus: allowedCpus(),
    ...(quota && { quota }),
    ...(noLive !== undefined && { noLive }),
    ...(noXsk !== undefined && { noXsk }),
  };
}

function fuseError(): string | undefined {
  try {
    closeSync(openSync('/dev/fuse', 'r+'));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** The setting that forbids them or, where no setting tells, what `unshare` said when it tried. */
function userNamespacesForbiddenBy(): string | undefined {
  const setting = forbiddenBy();
  if (setting !== undefined) return setting;
  const { status, stderr, error } = spawnSync('unshare', ['--user', '--map-root-user', '--net', 'true'], {
    encoding: 'utf8',
    timeout: 5000,
  });
  if (error) return `unshare: ${error.message} (Debian: util-linux)`;
  return status === 0 ? undefined : stderr.trim() || `unshare ended with status ${status}`;
}

/** Looks at a link of this network namespace. Throws RunError when there is none of this name. */
export function linkFacts(link: string): LinkFacts {
  using routes = new RouteSocket();
  const info = routes.link(link.split('@', 1)[0] ?? link);
  if (!info) throw new RunError(`${link}: there is no such link here ("ip link" lists them)`);
  const { name, index, kind, ethernet, loopback, up, carrier, mtu, mac, txQueues } = info;
  const ipv4 = routes.firstIpv4(index);
  const ipv6 = routes.linkLocal(index);
  const live = liveFacts(index, undefined);
  return {
    ...{ name, ethernet, loopback, up, carrier, mtu, txQueues },
    queues: linkQueues(name),
    ...(kind !== undefined && { kind }),
    mac: formatMac(mac),
    ...(ipv4 !== undefined && { ipv4: formatIpv4(ipv4) }),
    ...(ipv6 && { ipv6: formatIpv6(ipv6) }),
    sharesSkb: kindSharesSkb(kind, loopback),
    defaultRoute: routes.defaultRouteLinks().includes(index),
    ...(live.linkReason !== undefined && { noLive: live.linkReason }),
    zeroCopy: ((xdpFeatures(index) ?? 0) & XDP_FEATURE.XSK_ZEROCOPY) !== 0,
  };
}
