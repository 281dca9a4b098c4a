import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../support/project.ts';

/** How a process ended and what it said. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to start the program. */
export interface StartOptions {
  /** Name of a network namespace of `ip netns`. */
  readonly netns?: string;
  /** As an ordinary user without privileges. */
  readonly nobody?: boolean;
  readonly cwd?: string;
}

/** The longest that anything here may take, ms; most take less than one second. */
const PATIENCE_MS = 30_000;
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
const MARK = 'PKTGEN_TEST_MARK';

/** A process of the program; it leads a process group of its own, as a job of a shell does. */
export class Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string) {
    const [command = '', ...rest] = argv;
    this.process = spawn(command, rest, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stdout?.on('data', (chunk) => {
      this.stdout += String(chunk);
    });
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += String(chunk);
    });
    const timer = setTimeout(() => this.signalGroup('SIGKILL'), PATIENCE_MS);
    this.ended = new Promise<Ended>((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (status, signal) =>
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr }),
      );
    }).finally(() => clearTimeout(timer));
  }

  /** Waits until it has said something. */
  async says(pattern: RegExp): Promise<void> {
    for (const begun = Date.now(); Date.now() - begun < PATIENCE_MS; await sleep(10)) {
      if (pattern.test(this.stdout + this.stderr)) return;
      if (this.process.exitCode !== null) break;
    }
    throw new Error(`did not say ${pattern} but: ${this.stdout}${this.stderr}`);
  }

  /** What ^C on a terminal does. */
  signalGroup(signal: NodeJS.Signals): void {
    if (this.process.pid !== undefined && this.process.exitCode === null) process.kill(-this.process.pid, signal);
  }
}

/**
 * The program in a folder that everybody may read (a checkout may lie in somebody's home), and a folder for what it
 * makes. `close` holds that nothing is left: no process, no mount, no file.
 */
export class Program {
  readonly folder = mkdtempSync(join(tmpdir(), 'pktgen-e2e-'));
  /** Where the program's temporary files go, and the tests' own. */
  readonly temporary = join(this.folder, 'tmp');
  readonly #file = join(this.folder, 'bin/pktgen.js');
  readonly #mark = `${process.pid}-${this.folder}`;

  constructor() {
    const source = fileURLToPath(new URL('../../src', import.meta.url));
    cpSync(source, join(this.folder, 'dist/src'), { recursive: true });
    for (const part of [
      'bin',
      'examples',
      'package.json',
      'node_modules/koffi',
      'node_modules/@koromix',
      'node_modules/commander',
    ])
      if (existsSync(join(projectRoot, part)))
        cpSync(join(projectRoot, part), join(this.folder, part), { recursive: true });
    assert.equal(spawnSync('sh', ['-c', `mkdir '${this.temporary}' && chmod -R a+rX '${this.folder}'`]).status, 0);
    chmodSync(this.temporary, 0o777);
  }

  /** Starts the program with these arguments. */
  start(args: readonly string[], options: StartOptions = {}): Started {
    return this.startOther(this.argv(...args), options);
  }

  /** The command line of the program with these arguments. */
  argv(...args: readonly string[]): string[] {
    return [process.execPath, this.#file, ...args];
  }

  /** Runs the program to its end. */
  run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** Starts any program in the same way. */
  startOther(argv: readonly string[], { netns, nobody, cwd = this.temporary }: StartOptions = {}): Started {
    const prefix = [...(netns === undefined ? [] : ['ip', 'netns', 'exec', netns]), ...(nobody ? NOBODY : [])];
    const env = { ...process.env, LC_ALL: 'C', HOME: '/tmp', TMPDIR: this.temporary, [MARK]: this.#mark };
    return new Started([...prefix, ...argv], env, cwd);
  }

  /** The command line of the program, for a shell. */
  get shellCommand(): string {
    return `'${process.execPath}' '${this.#file}'`;
  }

  /** Processes that were started here and live still. */
  processes(): string[] {
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK}=${this.#mark}\0`);
      } catch {
        return false;
      }
    });
  }

  /** Holds that the program left no process, no mount and, but for `files`, no file. */
  async leftNothing(files: readonly string[] = []): Promise<void> {
    for (let tries = 0; tries < 100 && this.processes().length > 0; tries++) await sleep(20);
    const names = this.processes().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '));
    assert.deepEqual(names, [], 'processes are left');
    assert.deepEqual(mountsBelow(this.folder), [], 'mounts are left');
    assert.deepEqual(readdirSync(this.temporary).sort(), [...files].sort(), 'files are left');
  }

  close(): void {
    for (const pid of this.processes()) process.kill(Number(pid), 'SIGKILL');
    for (const mount of mountsBelow(this.folder)) spawnSync('umount', ['-l', mount]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const mountsBelow = (folder: string): string[] =>
  readFileSync('/proc/mounts', 'latin1')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(folder));

/** Why an ordinary user has no private lab here; false when there should be one. */
export function whyNoUserNamespaces(): string | false {
  if (process.geteuid?.() !== 0) return 'needs root: becomes another user';
  const [setpriv = '', ...ids] = NOBODY;
  const argv = [...ids, 'unshare', '--user', '--map-root-user', '--net', 'true'];
  const { status, stderr, error } = spawnSync(setpriv, argv, { encoding: 'utf8', cwd: '/' });
  if (error) return 'needs setpriv and unshare (Debian: util-linux)';
  return status === 0 ? false : `this system forbids user namespaces: ${stderr.trim()}`;
}
