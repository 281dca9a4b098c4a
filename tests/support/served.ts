import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FileReply, FileRequest } from './file-client.ts';
import { projectRoot } from './project.ts';

/** Why tests with links and mounts cannot run here; undefined when they can, and then they must. */
export function cannotServe(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root: network namespaces and a FUSE mount';
  if (!existsSync('/dev/fuse')) return 'needs /dev/fuse';
  if (spawnSync('ip', ['-V']).status !== 0) return 'needs the program ip (Debian: iproute2)';
  return undefined;
}

let made = 0;

/** Runs a shell command that must succeed; gives its output. */
export function sh(command: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  assert.equal(status, 0, `${command}: ${stderr}`);
  return stdout;
}

/** Two namespaces joined by veth pairs pg0/pg0p and pg1/pg1p, as the recordings have them; removed by `close`. */
export class Bench {
  readonly near: string;
  readonly far: string;

  constructor() {
    const id = `pgt${process.pid}x${++made}`;
    this.near = id;
    this.far = `${id}p`;
    for (const ns of [this.near, this.far]) {
      sh(
        `ip netns add ${ns}; ip netns exec ${ns} sh -c 'for i in all default; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done'`,
      );
    }
    for (const i of [0, 1]) {
      const mac = (n: number): string => `02:00:00:00:00:0${2 * i + n}`;
      sh(
        `ip -n ${this.near} link add name pg${i} address ${mac(1)} type veth peer name pg${i}p address ${mac(2)} netns ${this.far}; ` +
          `ip -n ${this.near} link set pg${i} up; ip -n ${this.far} link set pg${i}p up`,
      );
    }
  }
  /** Runs a command of the recordings, in which the far namespace is called `peer`. */
  run(command: string): string {
    const here = command
      .replaceAll('ip -n peer', `ip -n ${this.far}`)
      .replaceAll('ip netns exec peer', `ip netns exec ${this.far}`);
    return sh(`ip netns exec ${this.near} sh -c ${JSON.stringify(here).replaceAll('$', '\\$')}`);
  }
  close(): void {
    for (const ns of [this.near, this.far]) spawnSync('ip', ['netns', 'del', ns]);
  }
}

/** A daemon that serves the near namespace, and a client of its files. */
export class Served {
  readonly folder: string;
  readonly log: string[] = [];
  readonly daemon: ChildProcess;
  #client: ChildProcess | undefined;
  #replies: ((reply: FileReply) => void)[] = [];

  private constructor(folder: string, daemon: ChildProcess) {
    this.folder = folder;
    this.daemon = daemon;
    if (daemon.stdout) createInterface(daemon.stdout).on('line', (line) => this.log.push(line));
    if (daemon.stderr) createInterface(daemon.stderr).on('line', (line) => this.log.push(line));
  }

  static async start(
    netns: string,
    options: readonly string[] = [],
    folder = mkdtempSync(join(tmpdir(), 'pktgen-test-')),
  ): Promise<Served> {
    const argv = [join(projectRoot, 'bin/pktgen.js'), 'serve', '--netns', netns, '--mount', folder, ...options];
    const daemon = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const served = new Served(folder, daemon);
    for (let i = 0; i < 200; i++) {
      if (served.log.some((line) => line.startsWith('control files in'))) return served;
      if (daemon.exitCode !== null) break;
      await sleep(25);
    }
    await served.close();
    throw new Error(`the daemon did not start: ${served.log.join(' | ')}`);
  }

  #ask(request: FileRequest): Promise<FileReply> {
    if (!this.#client) {
      const program = fileURLToPath(new URL('./file-client.js', import.meta.url));
      this.#client = spawn(process.execPath, [program, this.folder], { stdio: ['pipe', 'pipe', 'inherit'] });
      const { stdout } = this.#client;
      if (stdout) createInterface(stdout).on('line', (line) => this.#replies.shift()?.(JSON.parse(line) as FileReply));
    }
    return new Promise((resolve) => {
      this.#replies.push(resolve);
      this.#client?.stdin?.write(`${JSON.stringify(request)}\n`);
    });
  }
  /** What write(2) returned, or the errno's name. */
  async write(write: string, data: string): Promise<number | string> {
    const { returned, code } = await this.#ask({ write, data });
    return code ?? returned ?? 'nothing';
  }
  /** A process that writes a line to a file and waits for it, as a shell does. */
  writer(file: string, data: string): ChildProcess {
    const argv = ['-c', 'printf %s "$1" > "$2"', 'sh', data, join(this.folder, file)];
    return spawn('sh', argv, { stdio: 'ignore' });
  }
  /** Writes from a process of its own, while other writes go on; resolves with its exit status when it has ended. */
  inBackground(file: string, data: string): Promise<number | null> {
    const child = this.writer(file, data);
    return new Promise((resolve) => child.once('exit', resolve));
  }
  async read(file: string): Promise<string | undefined> {
    return (await this.#ask({ read: file })).text ?? undefined;
  }
  async list(): Promise<string[]> {
    return (await this.#ask({ list: true })).files ?? [];
  }
  /** Ends the daemon as no program can prevent; its mount stays behind. */
  async kill(): Promise<void> {
    this.#client?.stdin?.end();
    const ended = new Promise((resolve) => this.daemon.once('exit', resolve));
    this.daemon.kill('SIGKILL');
    await ended;
  }
  /** Ends the daemon as an administrator does; gives its exit status. */
  async close(): Promise<number | null> {
    this.#client?.stdin?.end();
    if (this.daemon.exitCode === null && this.daemon.signalCode === null) {
      const ended = new Promise((resolve) => this.daemon.once('exit', resolve));
      this.daemon.kill('SIGTERM');
      const late = setTimeout(() => this.daemon.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(late);
    }
    rmSync(this.folder, { recursive: true, force: true });
    return this.daemon.exitCode;
  }
}
