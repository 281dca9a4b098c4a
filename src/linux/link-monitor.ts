import { Worker } from 'node:worker_threads';
import type { NetlinkMessage } from './netlink.ts';
import { type LinkInfo, parseLink, RTM } from './rtnetlink.ts';

/** What happens to links. A link that leaves the namespace is removed from it. */
export interface LinkEvents {
  onRemoved(index: number): void;
  /** Another name, address, MTU, state, or a new link. */
  onChanged(link: LinkInfo): void;
}

const workerUrl = new URL(`./link-monitor-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Room for notifications, bytes: some thousand links that go at once. */
const RECEIVE_BUFFER = 8 << 20;

/**
 * Tells what happens to the links of a network namespace: that of the thread which makes it. A worker waits for the
 * kernel's notifications (RTNLGRP_LINK), as Node cannot wait for a netlink socket. When more comes than there is room
 * for, all links are looked at again, so that none that went is missed.
 */
export class LinkMonitor {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #events: LinkEvents;
  /** Indexes of the links that are there. */
  readonly #known = new Set<number>();

  private constructor(worker: Worker, events: LinkEvents) {
    this.#worker = worker;
    this.#events = events;
    this.#ended = new Promise((resolve) => worker.on('exit', () => resolve()));
  }

  /** Resolves when notifications come: what happens from then on is told. */
  static async start(events: LinkEvents, receiveBuffer = RECEIVE_BUFFER): Promise<LinkMonitor> {
    const worker = new Worker(workerUrl, { workerData: { receiveBuffer } });
    const monitor = new LinkMonitor(worker, events);
    await new Promise<void>((resolve, reject) => {
      worker.once('message', (all: readonly NetlinkMessage[]) => {
        for (const message of all) monitor.#known.add(parseLink(message)?.index ?? 0);
        worker.on('message', (told: NetlinkMessage | readonly NetlinkMessage[]) => monitor.#take(told));
        resolve();
      });
      worker.once('error', reject);
    });
    return monitor;
  }

  #take(told: NetlinkMessage | readonly NetlinkMessage[]): void {
    const messages = 'type' in told ? [told] : told;
    const gone = new Set<number>('type' in told ? [] : this.#known);
    for (const message of messages) {
      const link = parseLink(message);
      if (!link) continue;
      if (message.type === RTM.DELLINK) gone.add(link.index);
      else {
        this.#known.add(link.index);
        gone.delete(link.index);
        this.#events.onChanged(link);
      }
    }
    for (const index of gone) {
      this.#known.delete(index);
      this.#events.onRemoved(index);
    }
  }

  async close(): Promise<void> {
    this.#worker.postMessage('end');
    await this.#ended;
  }
}
