import { parseAssociations } from '../../src/ipsec/association-text.ts';
import type { SecurityAssociation } from '../../src/ipsec/security-association.ts';
import type { Writer } from '../../src/pktgen/control-files.ts';
import type { Engine, TransmitJob } from '../../src/pktgen/engine.ts';
import type { Host } from '../../src/pktgen/host.ts';
import { kindSharesSkb, type Link } from '../../src/pktgen/link.ts';
import type { LogEntry } from '../../src/pktgen/log-entry.ts';
import { MODULE_PARAMS, type ModuleParams, Pktgen } from '../../src/pktgen/pktgen.ts';
import { newDeviceState } from '../../src/template/device-state.ts';

/** A machine with the links of the recordings, made of nothing: for tests of the model without a kernel. */
export class FakeMachine implements Host {
  readonly cpus = [0, 1];
  readonly root: Writer = { capable: true, signal: new AbortController().signal };
  readonly links = new Map<string, Link>();
  readonly engine: Engine;
  /** ns; every look at it costs a microsecond. */
  time = 1_000_000_000;
  /** Jobs started, in order. */
  readonly started: TransmitJob[] = [];
  /** Threads whose CPU came back. */
  readonly returned: number[] = [];
  /** What the log tells besides the lines that the kernel has too. */
  readonly entries: LogEntry[] = [];
  #associations: readonly SecurityAssociation[] = [];
  #log: string[] = [];
  #lastIndex = 1;

  constructor(engine: (machine: FakeMachine) => Engine) {
    this.addLink('lo', 'loopback', '00:00:00:00:00:00');
    this.addLink('pg0', 'veth', '02:00:00:00:00:01');
    this.addLink('pg1', 'veth', '02:00:00:00:00:03');
    this.addLink('dum0', 'dummy', '36:79:82:75:19:95');
    this.addLink('dum1', 'dummy', '02:00:00:00:00:06');
    this.engine = engine(this);
  }

  addLink(name: string, kind: string, mac: string, up = true): void {
    const index = ++this.#lastIndex;
    const loopback = kind === 'loopback';
    const sharesSkb = kindSharesSkb(kind, loopback);
    const link = { name, index, ethernet: !loopback, up, carrier: up, mac, mtu: 1500, txQueues: 1, sharesSkb };
    this.links.set(name, link);
  }
  change(name: string, change: Partial<Link>): void {
    const link = this.links.get(name);
    if (link) this.links.set(name, { ...link, ...change });
  }
  /** The shell commands of the recordings that set links up. */
  shell(commands: string): void {
    for (const command of commands.split(';').map((one) => one.trim())) {
      const [, verb, name = '', rest = ''] = /^ip link (add|set|del) (?:name )?(\S+) ?(.*)$/.exec(command) ?? [];
      if (verb === 'add') this.addLink(name, /type (\S+)/.exec(rest)?.[1] ?? '', 'ae:49:65:48:06:2a', false);
      if (verb === 'del') this.links.delete(name);
      if (verb === 'set' && /\b(up|down)\b/.test(rest)) {
        const up = /\bup\b/.test(rest);
        this.change(name, { up, carrier: up });
      }
      const mtu = /^ip link set (\S+) mtu (\d+)$/.exec(command);
      if (mtu) this.change(mtu[1] ?? '', { mtu: Number(mtu[2]) });
      if (/^ip xfrm state add/.test(command)) {
        this.#associations = [...this.#associations, ...parseAssociations(command).associations];
      }
      const ipv4 = /^ip addr add (\d+)\.(\d+)\.(\d+)\.(\d+)\/\d+ dev (\S+)$/.exec(command);
      if (ipv4) {
        const [, a, b, c, d, dev = ''] = ipv4;
        this.change(dev, { ipv4: ((Number(a) * 256 + Number(b)) * 256 + Number(c)) * 256 + Number(d) });
      }
      const linkLocal = /^ip -6 addr add (fe80::\S+)\/64 dev (\S+)/.exec(command);
      if (linkLocal) this.change(linkLocal[2] ?? '', { linkLocal: linkLocal[1] ?? '' });
    }
  }
  /** The log since the last call. */
  takeLog(): string[] {
    return this.#log.splice(0);
  }

  findLink(name: string): Link | undefined {
    return this.links.get(name);
  }
  linkByIndex(index: number): Link | undefined {
    return [...this.links.values()].find((link) => link.index === index);
  }
  nodePossible(node: number): boolean {
    return node === 0;
  }
  /** Of the shell commands of the recordings. */
  associations(): readonly SecurityAssociation[] {
    return this.#associations;
  }
  now(): number {
    this.time += 1000;
    return this.time;
  }
  async sleep(ms: number): Promise<void> {
    this.time += ms * 1e6;
  }
  random(): number {
    return 42;
  }
  log(line: string, entry: LogEntry): void {
    this.entries.push(entry);
    // The kernel does not tell of it, and recordings lack it.
    if (entry.event !== 'result' && entry.event !== 'ipsec') this.#log.push(line);
  }
}

/** An engine that sends nothing: runs begin and go on until they are stopped. */
function idleEngine(machine: FakeMachine, stopped: (id: number) => void): Engine {
  const jobs = new Map<number, TransmitJob>();
  return {
    newState: newDeviceState,
    prepare() {},
    start(starts) {
      for (const job of starts.flatMap(({ jobs }) => jobs)) {
        jobs.set(job.id, job);
        machine.started.push(job);
      }
    },
    update(_thread, job, patches) {
      for (const [word, value] of patches) job.state[word] = value;
      jobs.set(job.id, job);
    },
    stop(_thread, ids) {
      for (const id of ids) {
        const job = jobs.get(id);
        if (job) Atomics.store(job.state, 16, 0);
        stopped(id);
      }
    },
    remove(_thread, id) {
      jobs.delete(id);
    },
    returnTo(thread) {
      machine.returned.push(thread);
    },
  };
}

/** The model on a fake machine; without an engine of its own, one that sends nothing. */
export function fakeMachine(
  params: ModuleParams = MODULE_PARAMS,
  engine: (machine: FakeMachine, stopped: (id: number) => void) => Engine = idleEngine,
): { pktgen: Pktgen; machine: FakeMachine } {
  let model: Pktgen | undefined;
  const machine = new FakeMachine((self) => engine(self, (id) => model?.onStopped(id)));
  model = new Pktgen(machine, params);
  machine.takeLog();
  return { pktgen: model, machine };
}
