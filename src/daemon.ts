import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicNs } from './linux/clock.ts';
import { LinkMonitor } from './linux/link-monitor.ts';
import { nodePossible } from './linux/numa.ts';
import { type LinkInfo, RouteSocket } from './linux/rtnetlink.ts';
import { allowedCpus } from './linux/sched.ts';
import type { Host } from './pktgen/host.ts';
import { kindSharesSkb, type Link } from './pktgen/link.ts';
import { MODULE_PARAMS, type ModuleParams, Pktgen } from './pktgen/pktgen.ts';
import { WorkerEngine } from './transmit/worker-engine.ts';
import { formatIpv6 } from './wire/ipv6-address.ts';
import { formatMac } from './wire/mac.ts';

/** How a generator is to be. */
export interface GeneratorOptions {
  readonly log: (line: string) => void;
  readonly params?: ModuleParams;
  /** CPUs that have a thread; without it all that this process may run on. */
  readonly cpus?: readonly number[];
  /** A file that all packets go to instead of links. */
  readonly pcap?: string;
  /** Threads that will be needed: their workers start at once instead of with their first device. */
  readonly threads?: readonly number[];
}

/** A generator at work in the network namespace of the thread that opened it. */
export interface Generator extends AsyncDisposable {
  readonly pktgen: Pktgen;
}

/** Joins the model, the workers that send, and the links of this network namespace. */
export async function openGenerator(options: GeneratorOptions): Promise<Generator> {
  const { log, params = MODULE_PARAMS, pcap, threads = [], cpus = allowedCpus() } = options;
  const routes = new RouteSocket();
  const engine = new WorkerEngine(pcap, {
    onStopped: (id) => pktgen.onStopped(id),
    onChosen: (id, transmitter, why) => pktgen.onChosen(id, transmitter, why),
    onLog: (line) => pktgen.onLog(line),
  });
  const host: Host = {
    cpus,
    engine,
    findLink: (name) => toLink(routes, routes.link(name)),
    linkByIndex: (index) => toLink(routes, routes.link(index)),
    nodePossible,
    now: monotonicNs,
    sleep: (ms, signal) => delay(ms, undefined, signal && { signal }).catch(() => undefined),
    random: () => randomInt(2 ** 32),
    log,
  };
  const pktgen = new Pktgen(host, params);
  for (const cpu of threads) engine.prepare(cpu);
  const monitor = await LinkMonitor.start({
    onRemoved: (index) => void pktgen.linkRemoved(index),
    onChanged: ({ index }) => {
      const link = host.linkByIndex(index);
      if (link) pktgen.linkChanged(link);
    },
  });
  return {
    pktgen,
    async [Symbol.asyncDispose]() {
      await monitor.close();
      await pktgen.close();
      await engine.close();
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
