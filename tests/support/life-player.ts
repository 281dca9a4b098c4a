import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { maskTimes, resultOf, type TranscriptLine } from './golden.ts';
import { type Bench, Served } from './served.ts';

/** A line of a life transcript. */
export interface LifeLine extends TranscriptLine {
  readonly pid?: number;
  readonly status?: number;
  readonly value?: boolean;
  readonly seconds?: number;
  readonly captured?: number;
}

/** How a recording is played where it is special. */
export interface LifeRules {
  /** The recorded child wrote `start` only after this time, s: the VM was slow. */
  readonly startsAt?: number;
  /** A link of the recording that this kernel does not have, and what stands for it. */
  readonly links?: Readonly<Record<string, string>>;
  /** Counters vary: texts are compared without them. */
  readonly varies?: boolean;
}

/** What one end of a process was: its exit status, or a signal as a negative number. */
interface WriterEnd {
  readonly status: number;
  readonly output: string;
}

/** A process that writes `start`. */
interface StartWriter {
  readonly process: ChildProcess;
  readonly ended: Promise<WriterEnd>;
  over: boolean;
}

/** How much later than recorded something may come, ms: machines are shared. */
const LATE_MS = 2000;
/** How long a writer is left alone before it is told from one that has ended. */
const SETTLE_MS = 60;
/** The kernel tells of a carrier that is lost once a second (linkwatch). */
const LINKWATCH_MS = 1200;
const CONTROL_FILES = '/proc/net/pktgen';

/** Counters of a run whose length is a matter of time; a link without carrier makes errors until that is noticed. */
const maskCounters = (text: string): string =>
  text
    .replace(/pkts-sofar: \d+/g, 'pkts-sofar: N')
    .replace(/seq_num: \d+/g, 'seq_num: N')
    .replace(/errors: \d+/g, 'errors: N')
    .replace(/cur_udp_dst: \d+/g, 'cur_udp_dst: N')
    .replace(/OK: USEC, \d+ /g, 'OK: USEC, N ');

/** Lines of the log that the kernel's module does not write. */
const OURS = /: transmitter |^control files in/;

/** Plays a recorded scenario against a daemon and holds what it shows against what the kernel showed. */
export class LifePlayer {
  readonly #bench: Bench;
  readonly #rules: LifeRules;
  #near: Served;
  #far: Served | undefined;
  #writer: StartWriter | undefined;
  #endless = false;
  /** Lines of the log that have been looked at. */
  #logged: number;
  #stopped = 0;
  /** Threads that were written to: before, they show what an earlier session left. */
  readonly #written = new Set<string>();

  constructor(bench: Bench, served: Served, rules: LifeRules) {
    this.#bench = bench;
    this.#near = served;
    this.#rules = rules;
    this.#logged = served.log.length;
  }

  async play(lines: readonly LifeLine[]): Promise<void> {
    this.#endless = lines.some(({ write }) => write === 'count 0\n');
    for (const [i, line] of lines.entries()) await this.#step(line, (line.t ?? 0) - (lines[i - 1]?.t ?? 0), lines);
  }

  async #step(line: LifeLine, gap: number, lines: readonly LifeLine[]): Promise<void> {
    // Writes and shell commands take their own time; what was waited for is waited for here too.
    if (gap > 0.25 && line.shell === undefined) await sleep(gap * 1000);
    if (line.write !== undefined) await this.#write(line);
    else if (line.shell !== undefined) await this.#shell(line);
    else if (line.cat !== undefined) await this.#cat(line);
    else if (line.event !== undefined) await this.#event(line, lines);
    if (line.ls)
      assert.deepEqual(await this.#near.list(), line.ls.map((name) => this.#linkName(name)).sort(), `ls at ${line.t}`);
    for (const message of line.dmesg ?? []) await this.#logs(this.#linkName(message));
  }

  /** The recording's names of links, as they are here. */
  #linkName(text: string): string {
    return Object.entries(this.#rules.links ?? {}).reduce((named, [from, to]) => named.replaceAll(from, to), text);
  }

  async #write(line: LifeLine): Promise<void> {
    const [file, data] = [this.#linkName(line.file ?? ''), this.#linkName(line.write ?? '')];
    const returned = await this.#near.write(file, data);
    const what = `${file} <- ${data.trim()} at ${line.t}`;
    this.#written.add(file);
    if (data === 'stop\n') this.#stopped = Date.now();
    assert.equal(returned, line.errno === 0 ? (line.ret ?? data.length) : this.#errno(line.errno), what);
    if (line.result === undefined) return;
    const result = resultOf(await this.#near.read(file))?.trimEnd();
    // The run that was written into may have ended since.
    if (this.#rules.varies && /^OK: \d+\(c/.test(result ?? '')) return;
    assert.equal(result, this.#linkName(line.result).trimEnd(), what);
  }

  /** Node calls EOPNOTSUPP by its other name, which is also what the kernel's own 524 has become. */
  #errno(errno: number | string | undefined): string {
    return errno === 'ENOTSUPP' ? 'ENOTSUP' : String(errno);
  }

  async #cat(line: LifeLine): Promise<void> {
    const file = this.#linkName(line.cat ?? '');
    const text = await this.#near.read(file);
    const recorded = line.text == null ? line.text : this.#linkName(line.text);
    if (recorded == null) return assert.equal(text, undefined, `${file} at ${line.t}`);
    assert.equal(this.#mask(file, text ?? ''), this.#mask(file, recorded), `${file} at ${line.t}`);
  }

  #mask(file: string, text: string): string {
    const masked = maskTimes(text);
    if (file.startsWith('kpktgend_')) return this.#written.has(file) ? masked : masked.replace(/Result: .*/, 'Result:');
    return this.#endless || this.#rules.varies ? maskCounters(masked) : masked;
  }

  async #logs(message: string): Promise<void> {
    for (let waited = 0; waited < LATE_MS; waited += 10) {
      const at = this.#near.log.indexOf(message, this.#logged);
      if (at >= 0) {
        this.#logged = at + 1;
        return;
      }
      await sleep(10);
    }
    const since = this.#near.log.slice(this.#logged).filter((one) => !OURS.test(one));
    assert.fail(`the log lacks ${message}; since then: ${since.join(' | ')}`);
  }

  async #shell(line: LifeLine): Promise<void> {
    const command = this.#linkName(line.shell ?? '');
    const output = line.output ?? '';
    // What the recording's kernel refused has changed nothing; this one may allow it.
    if (/busy|Cannot find device/.test(output) || /^ps /.test(command)) return;
    if (/rmmod|modprobe/.test(command)) return this.#module(command, output);
    const far = /ip netns exec peer .*\/proc\/net\/pktgen/.test(command);
    const folder = far ? (await this.#farServed()).folder : this.#near.folder;
    const here = command
      .replaceAll(CONTROL_FILES, folder)
      .replaceAll('netns 1;', `netns ${this.#bench.near};`)
      .replaceAll('netns peer', `netns ${this.#bench.far}`);
    const printed = this.#bench.run(here);
    await sleep(/peer link set \w+ down/.test(command) ? LINKWATCH_MS : SETTLE_MS);
    if (command.includes(CONTROL_FILES)) assert.equal(maskTimes(printed), maskTimes(output), command);
  }

  /** The module's unloading and loading are the end of the daemon and its start; a busy module stays, a daemon ends. */
  async #module(command: string, output: string): Promise<void> {
    if (/can't unload/.test(output)) return;
    const options = [...command.matchAll(/(pg_\w+)=(\d+)/g)].flatMap(([, name = '', value = '']) => [
      `--${name.replaceAll('_', '-')}`,
      value,
    ]);
    assert.equal(await this.#near.close(), 0);
    const { log } = this.#near;
    this.#near = await Served.start(this.#bench.near, options);
    this.#near.log.unshift(...log);
    this.#written.clear();
  }

  async #farServed(): Promise<Served> {
    this.#far ??= await Served.start(this.#bench.far);
    return this.#far;
  }

  async #event(line: LifeLine, lines: readonly LifeLine[]): Promise<void> {
    const event = line.event ?? '';
    if (event === 'start written by a child') return this.#start();
    if (event === 'start writer still blocked') return assert.equal(this.#writer?.over, false);
    const [, signal] = /^signal (SIG\w+) to the start writer/.exec(event) ?? [];
    if (signal) {
      this.#writer?.process.kill(signal as NodeJS.Signals);
      return;
    }
    if (event === 'start writer ended') return this.#writerEnded(line);
    if (event.startsWith('stop to')) return assert.ok(Date.now() - this.#stopped < LATE_MS);
    if (event.startsWith('bash')) return this.#bash(line);
    // How long something took on the recording's machine.
    assert.match(event, / took$/, `${event} is not known (${lines.length} lines)`);
  }

  /** A child that writes `start` and says what write(2) returned. */
  #start(): Promise<void> {
    const script = 'printf "start\\n" > "$1" && echo "ret 6"';
    const delay = Math.max(0, (this.#rules.startsAt ?? 0) * 1000);
    const path = join(this.#near.folder, 'pgctrl');
    const child = spawn('sh', ['-c', `sleep ${delay / 1000}; ${script}`, 'sh', path], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#writer = this.#watch(child);
    return sleep(SETTLE_MS);
  }

  #watch(child: ChildProcess): StartWriter {
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
    });
    const ended = new Promise<WriterEnd>((resolve) =>
      child.once('close', (status, signal) =>
        resolve({ status: status ?? -(signal ? constants.signals[signal] : 0), output }),
      ),
    );
    const writer = { process: child, ended, over: false };
    void ended.then(() => {
      writer.over = true;
    });
    return writer;
  }

  async #writerEnded({ status, output, t }: LifeLine): Promise<void> {
    const writer = this.#writer;
    assert.ok(writer);
    const end = await Promise.race([writer.ended, sleep(LATE_MS)]);
    assert.deepEqual(end, { status, output }, `the writer of start at ${t}`);
  }

  /** A bash that writes `start` and gets a ^C a second later, as all of its job does. */
  async #bash({ event = '', status, output }: LifeLine): Promise<void> {
    const trap = event.includes('trap') ? 'trap "echo trapped" INT; ' : '';
    const after = event.includes('trap') ? '; echo "status $?"' : '';
    const script = `${trap}echo start > "$1"${after}`;
    const child = spawn('bash', ['-c', script, 'bash', join(this.#near.folder, 'pgctrl')], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    const { ended } = this.#watch(child);
    await sleep(600);
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
    const end = await Promise.race([ended, sleep(LATE_MS)]);
    if (end === undefined) child.kill('SIGKILL');
    assert.deepEqual(end, { status, output: output ?? '' }, event);
  }

  async close(): Promise<void> {
    if (this.#writer?.over === false) this.#writer.process.kill('SIGKILL');
    await this.#far?.close();
    await this.#near.close();
  }
}
