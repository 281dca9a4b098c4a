import { readFileSync, readlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** What the mirror's thread is made with, and what it tells. */
export interface MirrorSetup {
  /** The process whose mount namespace is to show the mount too. */
  readonly pid: number;
  readonly mountPoint: string;
}
export type MirrorReport = { readonly shown: true } | { readonly refused: string };

const workerUrl = new URL(`./mount-mirror-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/**
 * The ancestor that `ip netns exec` was typed in, for a process that was started by it: it gives its child a network
 * namespace and a mount namespace of its own, and what is mounted in there nobody else can see. Undefined for others.
 */
export function netnsExecAncestor(): number | undefined {
  try {
    const namespaces = (pid: number | 'self'): string[] =>
      ['mnt', 'net'].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
    const own = namespaces('self');
    for (let pid = process.ppid; pid > 1; pid = parentOf(pid)) {
      const theirs = namespaces(pid);
      if (theirs[0] !== own[0]) return theirs[1] === own[1] ? undefined : pid;
    }
  } catch {
    // Not ours to look at.
  }
  return undefined;
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);

/** Shows one of our mounts in the mount namespace of another process too, until it is closed. */
export class MountMirror implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#ended = new Promise((resolve) => worker.on('exit', () => resolve()));
  }

  /** Rejects when the other namespace cannot be entered, or has no such directory. */
  static async open(setup: MirrorSetup): Promise<MountMirror> {
    const worker = new Worker(workerUrl, { workerData: setup });
    const mirror = new MountMirror(worker);
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', (report: MirrorReport) => {
        if ('shown' in report) resolve();
        else reject(new Error(`${setup.mountPoint} cannot be shown outside "ip netns exec": ${report.refused}`));
      });
    });
    return mirror;
  }

  async close(): Promise<void> {
    this.#worker.postMessage('end');
    await this.#ended;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
