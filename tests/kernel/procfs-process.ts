import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const daemonFile = new URL(`./procfs-daemon${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
  .pathname;

/** Why these tests cannot run here; false when they can. */
export const whyNoFuse: string | false =
  process.geteuid?.() !== 0 ? 'needs root' : !existsSync('/dev/fuse') && 'needs /dev/fuse (modprobe fuse)';

/** What a process left behind. */
export interface Outcome {
  readonly status: number | string;
  readonly out: string;
}

/**
 * Runs a command line in sh, waiting at most 20 s. Asynchronous, as this process may be serving what the shell touches.
 */
export const sh = (command: string): Promise<Outcome> =>
  new Promise((resolve) => {
    const options = { timeout: 20_000, env: { ...process.env, LC_ALL: 'C' } };
    execFile('/bin/sh', ['-c', `exec 2>&1; ${command}`], options, (error, stdout) => {
      resolve({ status: error ? (error.signal ?? error.code ?? -1) : 0, out: stdout });
    });
  });

/** A mount point of its own; `remove` fails while something is mounted there. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'pktgen-test-'));
  return { path, remove: () => rmdirSync(path) };
}

/** A running procfs-daemon. */
export class Daemon {
  readonly process: ChildProcess;
  output = '';
  readonly #exit: Promise<void>;

  constructor(...args: readonly string[]) {
    this.process = spawn(process.execPath, [daemonFile, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += String(chunk);
      });
    }
    this.#exit = new Promise((resolve) => this.process.on('close', () => resolve()));
  }

  /** Waits until the output has this text, from `after` on. */
  async saw(text: string, after = 0): Promise<void> {
    for (let tries = 0; tries < 500; tries++) {
      if (this.output.includes(text, after)) return;
      await sleep(10);
    }
    throw new Error(`no "${text}" within 5 s in: ${this.output}`);
  }

  async exit(signal?: NodeJS.Signals): Promise<string> {
    if (signal !== undefined) this.process.kill(signal);
    await this.#exit;
    return this.output;
  }

  /** Open descriptors as of now. */
  descriptors(): number {
    return readdirSync(`/proc/${this.process.pid}/fd`).length;
  }
}
