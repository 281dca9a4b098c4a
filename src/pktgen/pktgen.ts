import { STATE } from '../template/device-state.ts';
import type { ControlFiles, Writer } from './control-files.ts';
import { Device } from './device.ts';
import type { EngineEvents, StatePatch, ThreadStart, TransmitJob } from './engine.ts';
import { FLAG } from './flags.ts';
import type { Host } from './host.ts';
import { type Link, linkNameOf } from './link.ts';
import { type LogEntry, type LogEvent, levelOf } from './log-entry.ts';
import type { DeviceConfig, ModuleDefaults } from './params.ts';
import { pgctrlCommand, VERSION_TEXT } from './pgctrl.ts';
import { resultText } from './result-text.ts';
import { skipBlanks, word } from './scan.ts';
import { Thread } from './thread.ts';

/** What the control files answer with; negative, as write(2) of a file system gives it. */
const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  E2BIG: 7,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  ENETDOWN: 100,
};

/** How long start, reset and rem_device_all take at the least: the kernel lets its threads see the control bits. */
const PROPAGATE_MS = 125;

/** The module's parameters. */
export interface ModuleParams extends ModuleDefaults {
  readonly debug: number;
}
export const MODULE_PARAMS: ModuleParams = { count: 1000, delayNs: 0, cloneSkb: 0, debug: 0 };

/** What a line of the log is about; without a level it tells its own. */
interface LogSubject {
  readonly level?: LogEntry['level'];
  readonly device?: Device;
  readonly thread?: Thread;
}

/** The generator of one network namespace: its threads, its devices and the files that control them (struct pktgen_net). */
export class Pktgen implements ControlFiles, EngineEvents {
  readonly #threads: Thread[];
  readonly #host: Host;
  readonly #defaults: ModuleDefaults;
  #debug: number;
  #lastId = 0;

  constructor(host: Host, { debug, ...defaults }: ModuleParams = MODULE_PARAMS) {
    this.#host = host;
    this.#defaults = defaults;
    this.#debug = debug;
    this.#threads = host.cpus.map((cpu) => new Thread(cpu));
    this.#log('version', VERSION_TEXT.trimEnd());
  }

  get threads(): readonly Thread[] {
    return this.#threads;
  }

  /** All devices, thread by thread. */
  get devices(): Device[] {
    return this.threads.flatMap((thread) => thread.devices);
  }

  list(): readonly string[] {
    return ['pgctrl', ...this.threads.map((thread) => thread.name), ...this.devices.map((device) => device.fileName)];
  }

  read(file: string): string | undefined {
    if (file === 'pgctrl') return VERSION_TEXT;
    return this.#thread(file)?.text() ?? this.device(file)?.text(this.#host.now());
  }

  identity(file: string): number | undefined {
    if (file === 'pgctrl') return 0;
    const thread = this.#thread(file);
    return thread ? -1 - thread.cpu : this.device(file)?.id;
  }

  async write(file: string, data: string, writer: Writer): Promise<number> {
    if (file === 'pgctrl') return this.#writePgctrl(data, writer);
    const thread = this.#thread(file);
    if (thread) return this.#writeThread(thread, data);
    const device = this.device(file);
    return device ? this.#writeDevice(device, data) : -ERRNO.ENOENT;
  }

  /** The NUMA node exists on this machine. */
  nodePossible(node: number): boolean {
    return this.#host.nodePossible(node);
  }

  /** The device whose file has this name. */
  device(file: string): Device | undefined {
    return this.devices.find((device) => device.fileName === file);
  }

  #thread(file: string): Thread | undefined {
    return this.threads.find((thread) => thread.name === file);
  }

  // -- device files

  #writeDevice(device: Device, data: string): number {
    if (data.length === 0) {
      this.#log('command', 'wrong command format', { device });
      return -ERRNO.EINVAL;
    }
    device.settle();
    const nodePossible = (node: number): boolean => this.nodePossible(node);
    const outcome = device.command(data, { debug: this.#debug, nodePossible });
    if (outcome.debug !== undefined) this.#debug = outcome.debug;
    for (const line of outcome.log ?? []) this.#log('command', line, { device });
    this.#passOn(device, outcome.patches ?? []);
    return outcome.errno ? -ERRNO[outcome.errno] : data.length;
  }

  /** A parameter written during a run takes effect where the device runs; otherwise there is only its state. */
  #passOn(device: Device, patches: readonly StatePatch[]): void {
    if (device.running) this.#host.engine.update(device.cpu, device.job(), patches);
    else device.patch(patches);
  }

  // -- thread files

  async #writeThread(thread: Thread, data: string): Promise<number> {
    if (data.length === 0) return -ERRNO.EINVAL;
    const start = skipBlanks(data, 0);
    const name = word(data, start, 39);
    const from = skipBlanks(data, start + name.length);
    switch (name) {
      case 'add_device': {
        const device = word(data, from, 31);
        const errno = this.#addDevice(thread, device);
        thread.result = errno ? `ERROR: can not add device ${device}` : `OK: add_device=${device}`;
        return errno ? -errno : data.length;
      }
      case 'rem_device_all':
        await Promise.all([this.#host.sleep(PROPAGATE_MS), this.#removeAll(thread.devices)]);
        thread.result = 'OK: rem_device_all';
        return data.length;
      case 'max_before_softirq':
        thread.result = 'OK: Note! max_before_softirq is obsoleted -- Do not use';
        return data.length;
      default:
        return -ERRNO.EINVAL;
    }
  }

  /** Adds a device to a thread (pktgen_add_device); gives the errno it fails with, or 0. */
  #addDevice(thread: Thread, name: string): number {
    const refused = (why: string): void => this.#log('command', why, { thread, level: 'error' });
    if (this.devices.some((device) => device.name === name || device.fileName === name)) {
      refused('ERROR: interface already used');
      return ERRNO.EBUSY;
    }
    const link = this.#host.findLink(linkNameOf(name));
    if (!link) {
      refused(`no such netdevice: "${name}"`);
      return ERRNO.ENODEV;
    }
    if (!link.ethernet) {
      refused(`not an ethernet device: "${name}"`);
      return ERRNO.EINVAL;
    }
    if (!link.up) {
      refused(`device is down: "${name}"`);
      return ERRNO.ENETDOWN;
    }
    if (name.includes('/') || this.list().includes(name)) {
      refused(`cannot create pktgen/${name} procfs entry`);
      return ERRNO.EINVAL;
    }
    const random = this.#host.random();
    const id = ++this.#lastId;
    const state = this.#host.engine.newState();
    thread.devices.unshift(new Device({ id, name, cpu: thread.cpu, link, defaults: this.#defaults, state, random }));
    this.#host.engine.prepare(thread.cpu);
    return 0;
  }

  // -- pgctrl

  async #writePgctrl(data: string, { capable, signal }: Writer): Promise<number> {
    if (!capable) return -ERRNO.EPERM;
    switch (pgctrlCommand(data)) {
      case 'start':
        await this.start(signal);
        return data.length;
      case 'stop':
        this.stop();
        return data.length;
      case 'reset':
        await Promise.all([this.#host.sleep(PROPAGATE_MS, signal), this.#removeAll(this.devices)]);
        return data.length;
      default:
        return -ERRNO.EINVAL;
    }
  }

  /** Starts every device of every thread and waits for the last to end; a signal to the writer ends the runs. */
  async start(signal: AbortSignal): Promise<void> {
    const starts = this.threads.map((thread) => ({ thread: thread.cpu, jobs: this.#setUp(thread) }));
    this.#host.engine.start(starts.filter(({ jobs }) => jobs.length > 0));
    const begun = this.devices;
    await this.#host.sleep(PROPAGATE_MS, signal);
    const { promise: interrupted, forget } = untilAborted(signal);
    await Promise.race([interrupted, this.#allStopped(begun)]);
    forget();
    if (signal.aborted) this.stop();
  }

  /** Waits for these devices and for those that were added and started meanwhile. */
  async #allStopped(devices: readonly Device[]): Promise<void> {
    await Promise.all(devices.map((device) => device.whenStopped()));
    const more = this.devices.filter((device) => device.running);
    if (more.length > 0) await this.#allStopped(more);
  }

  /** Sets the devices of a thread up (pktgen_run) and gives the runs to begin. */
  #setUp(thread: Thread): ThreadStart['jobs'] {
    const jobs: (TransmitJob & { patches: readonly StatePatch[] })[] = [];
    for (const device of thread.devices) {
      device.link = this.#host.linkByIndex(device.link.index) ?? device.link;
      const wantsIpsec = (device.config.flag & FLAG.IPSEC) !== 0;
      const { job, patches, log } = device.start(this.#host.now(), wantsIpsec ? this.#host.associations() : []);
      for (const line of log) this.#log('setup', line, { device });
      if (wantsIpsec && !job.template.seal)
        this.#log('ipsec', `${device.name}: ${notSealed(device.config)}`, { device });
      if (device.link.up && device.link.carrier) jobs.push({ ...job, patches });
      else if (patches.length === 0) device.stopAtOnce(this.#host.now());
    }
    return jobs;
  }

  /** Ends all runs; returns at once, as the kernel does. */
  stop(): void {
    for (const thread of this.threads) this.#stopDevices(thread, thread.devices);
  }

  #stopDevices(thread: Thread, devices: readonly Device[]): void {
    const running = devices.filter((device) => device.running);
    for (const device of devices)
      if (!running.includes(device)) this.#log('stop', `interface: ${device.name} is already stopped`, { device });
    for (const device of running) Atomics.store(device.state, STATE.stop, 1);
    if (running.length > 0) {
      this.#host.engine.stop(
        thread.cpu,
        running.map((device) => device.id),
      );
    }
  }

  /** Removes devices; those that run are ended first. Their files are gone when this resolves. */
  async #removeAll(devices: readonly Device[]): Promise<void> {
    await Promise.all([...devices].map((device) => this.#remove(device)));
  }

  async #remove(device: Device): Promise<void> {
    const thread = this.threads.find((one) => one.devices.includes(device));
    if (!thread) return;
    if (device.running) {
      this.#log('stop', 'WARNING: trying to remove a running interface, stopping it now', { device });
      this.#stopDevices(thread, [device]);
      await device.whenStopped();
    }
    thread.devices = thread.devices.filter((other) => other !== device);
    this.#host.engine.remove(thread.cpu, device.id, device.state);
  }

  // -- what happens to links

  /** A link is gone, or has left the namespace: so do its devices. */
  async linkRemoved(index: number): Promise<void> {
    await this.#removeAll(this.#devicesOf(index));
  }

  /** A link has another name, address or MTU. Its files follow the name. */
  linkChanged(link: Link): void {
    for (const device of this.#devicesOf(link.index)) {
      const otherMtu = link.mtu !== device.link.mtu;
      if (link.name !== device.link.name) device.renameTo(link);
      else device.link = link;
      if (!device.running) continue;
      if (!(link.up && link.carrier)) this.#stopDevices(this.#threadOf(device), [device]);
      else if (otherMtu) this.#passOn(device, []);
    }
  }

  #threadOf(device: Device): Thread {
    const thread = this.threads.find((one) => one.devices.includes(device));
    if (!thread) throw new RangeError(`device ${device.name} is on no thread`);
    return thread;
  }

  #devicesOf(index: number): Device[] {
    return this.devices.filter((device) => device.link.index === index);
  }

  // -- what happens to CPUs

  /**
   * The CPUs that there are now. A thread whose CPU has gone stays, and what it sends goes on wherever the scheduler puts
   * it, as in the kernel. A CPU without a thread gets one, which the kernel would give it only when the module is loaded anew.
   */
  cpusChanged(cpus: readonly number[]): void {
    for (const thread of this.#threads) {
      const isThere = cpus.includes(thread.cpu);
      if (isThere === thread.onItsCpu) continue;
      thread.onItsCpu = isThere;
      if (isThere) {
        this.#host.engine.returnTo(thread.cpu);
        this.#log('cpu', `${thread.name}: CPU ${thread.cpu} is back, so is the thread`, { thread });
      } else {
        this.#log('cpu', `WARNING: ${thread.name}: CPU ${thread.cpu} is gone: its devices go on on other CPUs`, {
          thread,
        });
      }
    }
    for (const cpu of cpus) {
      if (this.#threads.some((thread) => thread.cpu === cpu)) continue;
      const thread = new Thread(cpu);
      this.#threads.push(thread);
      this.#log('cpu', `${thread.name}: CPU ${cpu} has come and has a thread now`, { thread });
    }
  }

  // -- what the engine tells

  onStopped(id: number): void {
    const device = this.devices.find((one) => one.id === id);
    if (!device || device.running) return;
    this.#log('result', `${device.name}: ${resultText(device.figures()).replace(/\n\s*/g, ' ')}`, { device });
  }

  onChosen(id: number, transmitter: string, why: string): void {
    const device = this.devices.find((one) => one.id === id);
    if (!device) return;
    device.sending = { transmitter, why };
    this.#log('transmitter', `${device.name}: transmitter ${transmitter}: ${why}`, { device });
  }

  onLog(line: string, cpu?: number): void {
    const [, name] = /^(?:ERROR: |WARNING: )?(\S+): /.exec(line) ?? [];
    const device = this.devices.find((one) => one.name === name);
    const thread = this.threads.find((one) => one.cpu === cpu);
    this.#log('thread', line, { ...(device && { device }), ...(thread && { thread }) });
  }

  #log(event: LogEvent, message: string, about: LogSubject = {}): void {
    const { device, level = levelOf(message) } = about;
    const thread = about.thread?.name ?? (device && `kpktgend_${device.cpu}`);
    const entry: LogEntry = {
      ...{ level, event, message },
      ...(thread !== undefined && { thread }),
      ...(device && { device: device.name }),
    };
    this.#host.log(`pktgen: ${message}`, entry);
  }

  /** The end of the daemon: what runs is ended and everything removed (pg_net_exit). */
  async close(): Promise<void> {
    for (const thread of this.threads) this.#stopDevices(thread, thread.devices);
    await Promise.all(this.devices.map((device) => device.whenStopped()));
    for (const device of this.devices) await this.#remove(device);
  }
}

/** Resolves when the signal is aborted, unless it is forgotten before. */
function untilAborted(signal: AbortSignal): { readonly promise: Promise<void>; forget(): void } {
  let onAbort = (): void => {};
  const promise = new Promise<void>((resolve) => {
    onAbort = resolve;
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', onAbort);
  });
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) };
}

/** Why packets of a device with the flag IPSEC leave as they are. */
const notSealed = ({ flows, spi }: DeviceConfig): string =>
  flows === 0
    ? 'flag IPSEC: packets leave as they are, because IPsec goes by flows: "flows 1"'
    : `flag IPSEC: packets leave as they are, because there is no security association ${spi === 0 ? 'of transport mode ESP' : `with spi ${spi}`} ("ip xfrm state", --sa)`;
