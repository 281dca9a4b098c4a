import { join } from 'node:path';
import type { GeneratorOptions } from '../daemon.ts';
import { namedNetns } from '../linux/netns.ts';
import type { ControlFiles } from '../pktgen/control-files.ts';
import { claimMountPoint } from '../procfs/mount-point.ts';
import { ownDirectory } from './own-directory.ts';
import { type ServedNamespace, serveNamespace } from './served-namespace.ts';
import type { ServiceLog } from './service-log.ts';
import type { NetnsChoice, WantedNetns } from './wanted-netns.ts';

/** How namespaces are to be served. */
export interface NamespacesSetup {
  /** What `--netns` asks for; without it, the namespace of this process is served. */
  readonly choice: NetnsChoice | undefined;
  /** Where control files are mounted: there, or below where several are served; false: nowhere. */
  readonly mount: string | false;
  readonly generator: Omit<GeneratorOptions, 'log' | 'netns'>;
  readonly log: ServiceLog;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The namespaces that a daemon serves; which they are may change at a reload. */
export class ServedNamespaces implements AsyncDisposable {
  readonly #setup: NamespacesSetup;
  readonly #base: Disposable | undefined;
  #served: ServedNamespace[] = [];
  /** Resolves when the only control files were unmounted by somebody else. */
  readonly unmounted: Promise<void>;
  #onUnmounted: () => void = () => {};

  private constructor(setup: NamespacesSetup, base: Disposable | undefined) {
    this.#setup = setup;
    this.#base = base;
    this.unmounted = new Promise((resolve) => {
      this.#onUnmounted = resolve;
    });
  }

  /** Rejects where a namespace that was named is not there, or control files cannot be mounted. */
  static async open(setup: NamespacesSetup): Promise<ServedNamespaces> {
    const { choice, mount, log } = setup;
    const base = choice?.several && mount !== false ? ownDirectory(mount) : undefined;
    const namespaces = new ServedNamespaces(setup, base);
    try {
      if (base) await claimMountPoint(base.path);
      for (const netns of namespaces.#wanted()) {
        await namespaces.#add(netns).catch((error: unknown) => {
          if (choice?.must !== false) throw error;
          log.say(`WARNING: not served: ${messageOf(error)}`, netns?.name);
        });
      }
    } catch (error) {
      await namespaces.close();
      throw error;
    }
    return namespaces;
  }

  #wanted(): readonly (WantedNetns | undefined)[] {
    return this.#setup.choice?.wanted(namedNetns()) ?? [undefined];
  }

  /** What a namespace is called in the log: nothing where there can be only one. */
  #label(netns: WantedNetns | undefined): string | undefined {
    return this.#setup.choice?.several ? netns?.name : undefined;
  }

  async #add(netns: WantedNetns | undefined): Promise<ServedNamespace> {
    const { mount, generator, log } = this.#setup;
    const label = this.#label(netns);
    const served = await serveNamespace({
      netns,
      directory: mount === false ? false : join(mount, label ?? ''),
      generator: { ...generator, log: (line, entry) => log.take(line, entry, label) },
    });
    this.#served.push(served);
    void served.unmounted.then(() => this.#wasUnmounted(served));
    return served;
  }

  async #wasUnmounted(served: ServedNamespace): Promise<void> {
    if (!this.#served.includes(served)) return;
    const label = this.#label(served.netns);
    if (label === undefined) return this.#onUnmounted();
    this.#setup.log.say('WARNING: its control files were unmounted: it is served no more, until a reload', label);
    await this.#remove(served);
  }

  async #remove(served: ServedNamespace): Promise<void> {
    this.#served = this.#served.filter((one) => one !== served);
    await served[Symbol.asyncDispose]();
  }

  /** The mount points, and the names of namespaces where several are served. */
  get mounted(): readonly (readonly [mountPoint: string, netns: string | undefined])[] {
    return this.#served.flatMap(({ mountPoint, netns }) =>
      mountPoint === undefined ? [] : [[mountPoint, this.#label(netns)] as const],
    );
  }

  /** The control files of a namespace by its name, or of the only one. A text says why there are none. */
  filesOf(name: string | undefined): ControlFiles | string {
    const named = this.#served.filter(({ netns }) => name === undefined || netns?.name === name);
    const [only, ...more] = named;
    if (only && more.length === 0) return only.generator.pktgen;
    const names = this.#served.flatMap(({ netns }) => netns?.name ?? []).join(', ') || 'only its own one';
    if (more.length > 0) return `which namespace? --netns NAME: the daemon serves ${names}`;
    return name === undefined
      ? 'the daemon serves no namespace now'
      : `no namespace ${name}: the daemon serves ${names}`;
  }

  /**
   * Looks again which namespaces there are: serves those that have come, closes those that have gone or were made anew. One
   * whose devices run is let be: a reload ends no run.
   */
  async reload(): Promise<void> {
    const { log, choice } = this.#setup;
    if (!choice) return;
    const wanted = this.#wanted();
    for (const served of [...this.#served]) {
      const { netns, generator } = served;
      if (wanted.some((one) => one?.name === netns?.name) && served.isCurrent()) continue;
      const label = netns?.name;
      if (generator.pktgen.devices.some((device) => device.running)) {
        log.say(
          'WARNING: the namespace has lost its name, but devices run in it: it stays until a reload without',
          label,
        );
        continue;
      }
      await this.#remove(served);
      log.say('the namespace is gone, and no longer served', label);
    }
    for (const netns of wanted) {
      if (this.#served.some((served) => served.netns?.name === netns?.name)) continue;
      try {
        const { mountPoint } = await this.#add(netns);
        log.say(mountPoint === undefined ? 'served now' : `control files in ${mountPoint}`, netns?.name);
      } catch (error) {
        log.say(`WARNING: not served: ${messageOf(error)}`, netns?.name);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#served.splice(0).map((served) => served[Symbol.asyncDispose]()));
    this.#base?.[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
