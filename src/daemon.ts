import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SecurityAssociation } from './ipsec/security-association.ts';
import { monotonicNs } from './linux/clock.ts';
import { CpuMonitor } from './linux/cpu-monitor.ts';
import { LinkMonitor } from './linux/link-monitor.ts';
import type { Netns } from './linux/netns.ts';
import { nodePossible } from './linux/numa.ts';
import { type LinkInfo, RouteSocket } from './linux/rtnetlink.ts';
import { allowedCpus } from './linux/sched.ts';
import type { Host } from './pktgen/host.ts';
import { kindSharesSkb, type Link } from './pktgen/link.ts';
import type { LogEntry } from './pktgen/log-entry.ts';
import { MODULE_PARAMS, type ModuleParams, Pktgen } from './pktgen/pktgen.ts';
import { AssociationSource } from './transmit/associations.ts';
import { type Inside, WorkerEngine } from './transmit/worker-engine.ts';
import { formatIpv6 } from './wire/ipv6-address.ts';
import { formatMac } from './wire/mac.ts';

/** How a generator is to be. */
export interface GeneratorOptions {
  /** Takes each line as the kernel's log would have it, and what it is about. */
  readonly log: (line: string, entry: LogEntry) => void;
  /**
   * The network namespace, to be held open for as long as the generator is; without it that of the thread that opens it.
   * One process may have generators in several.
   */
  readonly netns?: Netns;
  readonly params?: ModuleParams;
  /** CPUs that have a thread; without it all that this process may run on, also those that come later. */
  readonly cpus?: readonly number[];
  /** A file that all packets go to instead of links. */
  readonly pcap?: string;
  /** Security associations that are looked at before the kernel's. Asked at each start. */
  readonly associations?: () => readonly SecurityAssociation[];
  /** Threads that will be needed: their workers start at once instead of with their first device. */
  readonly threads?: readonly number[];
}

/** A generator at work in one network namespace. */
export interface Generator extends AsyncDisposable {
  readonly pktgen: Pktgen;
}

/**
 * Joins the model, the workers that send, and the links of a network namespace. The calling thread stays in its own: a socket
 * belongs to the namespace that it was opened in, a worker to the one that its thread was started in.
 */
export async function openGenerator(options: GeneratorOptions): Promise<Generator> {
  const { log, params = MODULE_PARAMS, pcap, threads = [], cpus = allowedCpus(), netns } = options;
  const inside: Inside = (act) => (netns ? netns.run(act) : act());
  const routes = inside(() => new RouteSocket());
  const states = inside(() => new AssociationSource(options.associations));
  const engine = new WorkerEngine(
    pcap,
    {
      onStopped: (id) => pktgen.onStopped(id),
      onChosen: (id, transmitter, why) => pktgen.onChosen(id, transmitter, why),
      onLog: (line, thread) => pktgen.onLog(line, thread),
    },
    inside,
  );
  const host: Host = {
    cpus,
    engine,
    findLink: (name) => toLink(routes, routes.link(name)),
    linkByIndex: (index) => toLink(routes, routes.link(index)),
    nodePossible,
    associations: () => states.associations((line) => pktgen.onLog(line)),
    now: monotonicNs,
    sleep: (ms, signal) => delay(ms, undefined, signal && { signal }).catch(() => undefined),
    random: () => randomInt(2 ** 32),
    log,
  };
  const pktgen = new Pktgen(host, params);
  for (const cpu of threads) engine.prepare(cpu);
  const monitor = await inside(() =>
    LinkMonitor.start({
      onRemoved: (index) => void pktgen.linkRemoved(index),
      onChanged: ({ index }) => {
        const link = host.linkByIndex(index);
        if (link) pktgen.linkChanged(link);
      },
    }),
  );
  // Who named the CPUs gets no threads on others.
  const cpuMonitor = new CpuMonitor((now) =>
    pktgen.cpusChanged(options.cpus ? now.filter((cpu) => cpus.includes(cpu)) : now),
  );
  return {
    pktgen,
    async [Symbol.asyncDispose]() {
      cpuMonitor[Symbol.dispose]();
      await monitor.close();
      await pktgen.close();
      await engine.close();
      states[Symbol.dispose]();
      routes.close();
    },
  };
}

/** A link as the model wants it, with its addresses. */
function toLink(routes: RouteSocket, info: LinkInfo | undefined): Link | undefined {
  if (!info) return undefined;
  const ipv4 = routes.firstIpv4(info.index);
  const linkLocal = routes.linkLocal(info.index);
  const { name, index, ethernet, up, carrier, mtu, txQueues } = info;
  return {
    ...{ name, index, ethernet, up, carrier, mtu, txQueues },
    ...(info.kind !== undefined && { kind: info.kind }),
    mac: formatMac(info.mac),
    sharesSkb: kindSharesSkb(info.kind, info.loopback),
    ...(ipv4 !== undefined && { ipv4 }),
    ...(linkLocal && { linkLocal: formatIpv6(linkLocal) }),
  };
}
