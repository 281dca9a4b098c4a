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

/**
 * Tells what happens to the links of a network namespace: that of the thread which makes it. A worker waits for the
 * kernel's notifications (RTNLGRP_LINK), as Node cannot wait for a netlink socket.
 */
export class LinkMonitor {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#ended = new Promise((resolve) => worker.on('exit', () => resolve()));
  }

  /** Resolves when notifications come: what happens from then on is told. */
  static async start(events: LinkEvents): Promise<LinkMonitor> {
    const worker = new Worker(workerUrl);
    const monitor = new LinkMonitor(worker);
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve());
      worker.once('error', reject);
    });
    worker.on('message', (message: NetlinkMessage) => {
      const link = parseLink(message);
      if (!link) return;
      if (message.type === RTM.DELLINK) events.onRemoved(link.index);
      else if (message.type === RTM.NEWLINK) events.onChanged(link);
    });
    return monitor;
  }

  async close(): Promise<void> {
    this.#worker.postMessage('end');
    await this.#ended;
  }
}
