import type { SecurityAssociation } from '../ipsec/security-association.ts';
import { STATE, seedRandom } from '../template/device-state.ts';
import { type AddressRanges, changedRanges, NO_ADDRESSES } from './address-ranges.ts';
import type { CommandContext, CommandOutcome } from './command.ts';
import { runDeviceCommand } from './device-command.ts';
import { deviceText } from './device-text.ts';
import type { Pace, StatePatch, TransmitJob } from './engine.ts';
import { FLAG } from './flags.ts';
import { type Link, linkNameOf } from './link.ts';
import { type DeviceConfig, type ModuleDefaults, NEVER, newDeviceConfig } from './params.ts';
import { queuesOf } from './queue-map.ts';
import { type RunResult, resultText, runResult } from './result-text.ts';
import { drawnTags, setupInject } from './setup-inject.ts';
import { templateOf } from './template-of.ts';

/** What a device is made of (struct pktgen_dev). */
export interface DeviceSeed {
  readonly id: number;
  readonly name: string;
  readonly cpu: number;
  readonly link: Link;
  readonly defaults: ModuleDefaults;
  /** Its state: zeros that whoever sends can reach. */
  readonly state: Uint32Array;
  /** Seed of its random source. */
  readonly random: number;
}

const ZERO_MAC = '00:00:00:00:00:00';

/** A configured sender: its configuration, its state in shared memory, its result. */
export class Device {
  readonly id: number;
  /** The name it was added by; a rename of the link does not change it (odevname). */
  readonly name: string;
  readonly cpu: number;
  readonly state: Uint32Array;
  link: Link;
  /** The name of its control file, which follows the link's. */
  fileName: string;
  result = '';
  /** How it has sent last, and why so. */
  sending: { readonly transmitter: string; readonly why: string } | undefined;
  #config: DeviceConfig;
  #ranges: AddressRanges = NO_ADDRESSES;
  #overhead = 0;
  #associations: readonly SecurityAssociation[] = [];
  /** The source address in the header: set by src_mac, or at the start from the link. */
  #headerSrcMac = ZERO_MAC;
  /** A run was begun whose end has not been seen yet. */
  #started = false;
  /** What to call when it is. */
  #waiting: (() => void)[] = [];

  constructor({ id, name, cpu, link, defaults, state, random }: DeviceSeed) {
    this.state = state;
    this.id = id;
    this.name = name;
    this.cpu = cpu;
    this.link = link;
    this.fileName = name;
    this.#config = newDeviceConfig(defaults, link.sharesSkb);
    seedRandom(this.state, random);
  }

  /** The configuration, with the tags that were drawn last. */
  get config(): DeviceConfig {
    return drawnTags(this.#config, this.state);
  }

  /** From start until its end was seen. */
  get running(): boolean {
    this.settle();
    return this.#started;
  }

  /** The figures of the last run, or of this one as far as it has come when `now` (ktime, ns) is given. */
  figures(): RunResult {
    return runResult(this.#config, this.state);
  }

  /** Takes note of a run that has ended: from now on its result is what the file shows. */
  settle(): void {
    if (!this.#started || Atomics.load(this.state, STATE.running) === 1) return;
    this.#started = false;
    this.result = resultText(this.figures());
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when it does not run (any more). */
  whenStopped(): Promise<void> {
    return this.running ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  /** Runs a command; the caller passes the patches on to where the device runs. */
  command(line: string, on: Omit<CommandContext, 'config' | 'sharesSkb'>): CommandOutcome {
    const before = this.config;
    const outcome = runDeviceCommand(line, { ...on, config: before, sharesSkb: this.link.sharesSkb });
    this.#config = outcome.config;
    this.#ranges = changedRanges(this.#ranges, before, outcome.config);
    if (outcome.config.src_mac !== before.src_mac) this.#headerSrcMac = outcome.config.src_mac;
    if (outcome.result !== undefined) this.result = outcome.result;
    return outcome;
  }

  /**
   * Sets it up for a run (pktgen_run) and gives what it needs; a device that does not run yet is patched at once.
   * `associations`: those that its flows may find, with the flag IPSEC.
   */
  start(
    now: number,
    associations: readonly SecurityAssociation[] = [],
  ): { job: TransmitJob; patches: readonly StatePatch[]; log: readonly string[] } {
    const restarts = this.running;
    const { config, ranges, overhead, patches, log } = setupInject(
      this.name,
      this.config,
      this.link,
      this.state,
      this.#overhead,
      this.cpu,
    );
    this.#config = config;
    this.#ranges = ranges;
    this.#overhead = overhead;
    this.#associations = associations;
    if (config.src_mac === ZERO_MAC) this.#headerSrcMac = this.link.mac;
    this.#started = true;
    this.result = 'Starting';
    if (restarts) return { job: this.job(), patches, log };
    this.patch(patches);
    const started = new Uint32Array(2);
    started[0] = now % 2 ** 32;
    started[1] = Math.floor(now / 2 ** 32);
    for (const at of [STATE.startedAt, STATE.stoppedAt, STATE.nextTx]) this.state.set(started, at);
    Atomics.store(this.state, STATE.running, 1);
    return { job: this.job(), patches: [], log };
  }

  /** What its thread has to know now. */
  job(): TransmitJob {
    const { name, index, mtu, kind, txQueues } = this.link;
    const config = this.#config;
    const template = templateOf({
      config,
      ranges: this.#ranges,
      srcMac: this.#headerSrcMac,
      overhead: this.#overhead,
      associations: this.#associations,
    });
    return {
      id: this.id,
      name: this.name,
      link: { name, index, mtu, txQueues, ...(kind !== undefined && { kind }) },
      state: this.state,
      template,
      pace: paceOf(config),
      mode: config.xmit_mode,
      skbPriority: config.skb_priority,
      frags: config.frags,
      queues: queuesOf(config, this.link, this.cpu, this.state[STATE.curQueueMap] ?? 0),
      node: config.flag & FLAG.NODE && config.node >= 0 ? config.node : undefined,
      transmitter: config.transmitter,
    };
  }

  /** Sets state words of a device that does not run. */
  patch(patches: readonly StatePatch[]): void {
    for (const [word, value] of patches) this.state[word] = value;
  }

  /** Ends a run that never got to send: link or carrier is down. */
  stopAtOnce(now: number): void {
    this.state[STATE.stoppedAt] = now % 2 ** 32;
    this.state[STATE.stoppedAt + 1] = Math.floor(now / 2 ** 32);
    Atomics.store(this.state, STATE.running, 0);
    this.settle();
  }

  /** The file follows its link's new name; what stands behind an `@` stays. */
  renameTo(link: Link): void {
    this.fileName = link.name + this.name.slice(linkNameOf(this.name).length);
    this.link = link;
  }

  /** The text of its file. */
  text(now: number): string {
    this.settle();
    const { name, config, state, result } = this;
    return deviceText({ name, config, state, linkMac: this.link.mac, result, now });
  }
}

function paceOf(config: DeviceConfig): Pace {
  return {
    count: config.count,
    delayNs: config.delay === NEVER ? Number.POSITIVE_INFINITY : Number(config.delay),
    burst: config.xmit_mode === 'queue_xmit' ? 1 : Math.max(config.burst, 1),
    cloneSkb: config.clone_skb | 0,
  };
}
