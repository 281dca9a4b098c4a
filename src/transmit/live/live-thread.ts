import { assemble } from '../../ebpf/assembler.ts';
import { ProgramArray, SharedMap } from '../../linux/bpf-map.ts';
import { BpfProgram } from '../../linux/bpf-program.ts';
import { offsetNs } from '../../linux/clock.ts';
import { ERRNO, errnoName } from '../../linux/errno.ts';
import type { TransmitJob } from '../../pktgen/engine.ts';
import { LIVE_PHASE, progressOf, readU64, STATE, writeU64 } from '../../template/device-state.ts';
import type { LoopClock } from '../departures.ts';
import { batchSizeFor, longestHeader, roomFor } from './live-limits.ts';
import { entryCode, flowsMap, loopCode, PROGRAMS_MAP, stateMap, THREAD_MAP } from './loop-program.ts';
import { Losses } from './losses.ts';
import { Runner } from './runner.ts';
import { StackDrops } from './stack-drops.ts';
import { THREAD, THREAD_WORDS } from './thread-memory.ts';

/** A job and the maps that its program needs. */
export interface LiveJob {
  readonly job: TransmitJob;
  readonly stateFd: number;
  /** Of its flow table; templates with flows need one. */
  readonly flowsFd: number | undefined;
}

/** A device that sends, or has sent, live frames. */
interface LiveDevice extends LiveJob {
  /** How often the program had run when its pause was seen. */
  pausedAt?: number | undefined;
}

/** Runs that cannot go on as live frames. */
export interface LiveFailure {
  readonly reason: string;
  readonly jobs: readonly TransmitJob[];
}

/** The call under way. */
interface LiveCall {
  readonly room: number;
  readonly batchSize: number;
  readonly ingress: number | undefined;
  /** Longest header that any of its programs has written. */
  headers: number;
}

/** The most turns of one call; it lasts minutes and is followed by another. */
const MOST_TURNS = 0xffff_ffff;
/** The longest wait for the first turn of a call, ns, and from look to look, ms. */
const FIRST_TURN_NS = 200e6;
const TURN_LOOK_MS = 0.2;
/** What a call ends with that was interrupted, or made all its turns. */
const ORDERLY: ReadonlySet<number> = new Set([0, -ERRNO.EINTR]);

/**
 * The live frames of one kpktgend thread: one program for all its devices, run by one long call on a thread of its own,
 * and steered through memory that both share. Nothing here waits for packets.
 */
export class LiveThread {
  readonly #clock: LoopClock;
  readonly #runner: Runner;
  readonly #memory = new SharedMap(THREAD_WORDS * 4, 'pktgen_thread');
  readonly #words = new Uint32Array(this.#memory.memory, 0, THREAD_WORDS);
  readonly #programs = new ProgramArray(1, 'pktgen_loop');
  readonly #entry: BpfProgram;
  readonly #losses: Losses;
  readonly #stackDrops: StackDrops;
  /** The newest first, as in the thread's list. */
  #devices: LiveDevice[] = [];
  /** Those whose runs are ready to begin. */
  #ready: readonly TransmitJob[] = [];
  #call: LiveCall | undefined;
  #failure: LiveFailure | undefined;

  /** Wants CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON. Throws SyscallError, VerifierError. */
  constructor(cpu: number, clock: LoopClock) {
    this.#clock = clock;
    this.#entry = new BpfProgram('XDP', assemble(entryCode(), { [PROGRAMS_MAP]: this.#programs.fd }), 'pktgen_entry');
    this.#runner = new Runner(cpu);
    this.#words[THREAD.tid] = this.#runner.tid;
    this.#losses = new Losses(this.#memory, this.#words);
    this.#stackDrops = new StackDrops(this.#runner.tid);
  }

  /** The thread that the kernel's loop runs on, as the kernel numbers it. */
  get tid(): number {
    return this.#runner.tid;
  }
  /** Whether anything is to be watched over. */
  get active(): boolean {
    return this.#devices.length > 0 || this.#runner.busy;
  }
  /** The runs that ended because the kernel refused to go on, and why; they are forgotten here. Told once. */
  takeFailure(): LiveFailure | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
  /** The link, by its index, that frames of devices but this one seem to arrive on (netif_receive). */
  receivesOn(butId: number): number | undefined {
    return this.#jobs().find(({ id, mode }) => id !== butId && mode === 'netif_receive')?.link.index;
  }
  has(id: number): boolean {
    return this.#devices.some((device) => device.job.id === id);
  }

  /** Makes runs ready to begin, in the order of the thread's list; those under way of the same devices begin anew. */
  start<J extends LiveJob>(jobs: readonly J[], prepare: (job: J['job']) => void): void {
    const others = this.#devices.filter(({ job }) => !jobs.some((one) => one.job.id === job.id));
    for (const { job } of jobs) this.#hold(job);
    this.#losses.settle(this.#devices);
    this.#stackDrops.settle(this.#jobs());
    this.#stackDrops.begin();
    for (const { job } of jobs) {
      prepare(job);
      this.#losses.begin(job);
      writeU64(job.state, STATE.limit, job.pace.count);
    }
    this.#load([...jobs, ...others]);
    this.#ready = jobs.map(({ job }) => job);
  }

  /** Waits until the kernel has made its frames and the program runs: some 15 ms after a call has begun. */
  waitForTurns(): void {
    if (this.#ready.length === 0) return;
    const from = Atomics.load(this.#words, THREAD.turns);
    const until = this.#clock.now() + FIRST_TURN_NS;
    const pause = new Int32Array(new SharedArrayBuffer(4));
    while (this.#runner.busy && Atomics.load(this.#words, THREAD.turns) === from && this.#clock.now() < until) {
      Atomics.wait(pause, 0, 0, TURN_LOOK_MS);
    }
  }

  /** Begins the runs that are ready, not before `time` (ktime, ns). */
  begin(time = 0): void {
    if (this.#ready.length === 0) return;
    writeU64(this.#words, THREAD.beginAt, time);
    for (const { state } of this.#ready) Atomics.store(state, STATE.phase, LIVE_PHASE.BEGIN);
    this.#ready = [];
  }

  /** Goes on with a run that another transmitter has begun. */
  join(live: LiveJob): void {
    const { state, pace } = live.job;
    this.#losses.begin(live.job);
    writeU64(state, STATE.limit, pace.count);
    this.#load([live, ...this.#devices]);
    Atomics.store(state, STATE.phase, LIVE_PHASE.SEND);
  }

  /** Goes on with another template or pace; `prepare` changes the state, which the program leaves alone meanwhile. */
  update(live: LiveJob, prepare: (() => void) | undefined): void {
    const { state, pace } = live.job;
    const phase = Atomics.load(state, STATE.phase);
    if (prepare) {
      if (phase === LIVE_PHASE.SEND) this.#hold(live.job);
      this.#losses.settle(this.#devices);
      prepare();
    }
    writeU64(state, STATE.limit, pace.count + readU64(state, STATE.lost));
    this.#load(this.#devices.map((device) => (device.job.id === live.job.id ? { ...device, ...live } : device)));
    if (prepare && phase === LIVE_PHASE.SEND) Atomics.store(state, STATE.phase, phase);
  }

  /** Stops what a device sends and forgets it; its state says how far it came, lost packets taken off. */
  take(id: number): void {
    const device = this.#devices.find(({ job }) => job.id === id);
    if (!device) return;
    this.#hold(device.job);
    this.#losses.settle(this.#devices);
    this.#stackDrops.settle(this.#jobs());
    this.#devices = this.#devices.filter(({ job }) => job.id !== id);
    this.#ready = this.#ready.filter((job) => job.id !== id);
    const { state } = device.job;
    const { packets, bytes, errors } = progressOf(state);
    writeU64(state, STATE.sofar, packets);
    writeU64(state, STATE.txBytes, bytes);
    writeU64(state, STATE.errors, errors);
    for (const at of [STATE.lost, STATE.lostBytes]) writeU64(state, at, 0);
  }

  /** Sees how far the program is. Gives the devices whose runs have ended. */
  poll(): number[] {
    this.#setWallOffset();
    if (this.#call && !this.#runner.busy) this.#callEnded();
    const paused = this.#devices.filter((device) => this.#paused(device));
    const quiet = paused.filter((device) => this.#isQuiet(device));
    this.#losses.settle(this.#devices);
    if (quiet.length > 0) this.#losses.settleQuiet(this.#devices, quiet);
    this.#stackDrops.settle(this.#jobs());
    const ended = quiet.filter((device) => !this.#goesOn(device)).map(({ job }) => job.id);
    for (const { job } of quiet) if (ended.includes(job.id)) Atomics.store(job.state, STATE.running, 0);
    this.#devices = this.#devices.filter(({ job }) => !ended.includes(job.id));
    const sends = this.#devices.length > 0;
    if (sends && !this.#call) this.#begin(roomFor(this.#jobs()), batchSizeFor(this.#jobs()));
    if (!sends && this.#runner.interrupt()) this.#call = undefined;
    return ended;
  }

  #jobs(): TransmitJob[] {
    return this.#devices.map(({ job }) => job);
  }

  /** Whether its program has paused, or has been told to stop. */
  #paused(device: LiveDevice): boolean {
    const { state } = device.job;
    const phase = Atomics.load(state, STATE.phase);
    if (phase !== LIVE_PHASE.PAUSED && Atomics.load(state, STATE.stop) === 0) {
      device.pausedAt = undefined;
      return false;
    }
    if (phase !== LIVE_PHASE.PAUSED) {
      // The program may not come by this device for a while.
      Atomics.store(state, STATE.phase, LIVE_PHASE.PAUSED);
      writeU64(state, STATE.stoppedAt, this.#clock.now());
    }
    return true;
  }

  /** Whether all frames of a paused device have been handed to their link: a batch or two later. */
  #isQuiet(device: LiveDevice): boolean {
    if (!this.#call || !this.#runner.busy) return true;
    const turns = Atomics.load(this.#words, THREAD.turns);
    device.pausedAt ??= turns;
    return (turns - device.pausedAt) >>> 0 >= 2 * this.#call.batchSize;
  }

  /** A device that has lost packets sends as many more. */
  #goesOn({ job: { state, pace } }: LiveDevice): boolean {
    const lost = readU64(state, STATE.lost);
    if (Atomics.load(state, STATE.stop) === 1 || pace.count === 0) return false;
    if (readU64(state, STATE.sofar) - lost >= pace.count) return false;
    writeU64(state, STATE.limit, pace.count + lost);
    Atomics.store(state, STATE.phase, LIVE_PHASE.SEND);
    return true;
  }

  /** Has the program leave a device alone, and waits until it does. */
  #hold({ state }: TransmitJob): void {
    if (Atomics.exchange(state, STATE.phase, LIVE_PHASE.IDLE) === LIVE_PHASE.IDLE) return;
    const from = Atomics.load(this.#words, THREAD.turns);
    const batchSize = this.#call?.batchSize ?? 1;
    const until = this.#clock.now() + 5e6;
    while (this.#runner.busy && this.#clock.now() < until) {
      if ((Atomics.load(this.#words, THREAD.turns) - from) >>> 0 >= 2 * batchSize) return;
    }
  }

  /** Puts a program for these devices in place, and begins a call where none is that will do. */
  #load(devices: LiveDevice[]): void {
    const jobs = devices.map(({ job }) => job);
    this.#losses.watch(devices);
    const batchSize = batchSizeFor(jobs);
    const ingress = jobs.find((job) => job.mode === 'netif_receive')?.link.index;
    this.#stackDrops.watch(ingress);
    const headers = longestHeader(jobs);
    const call = this.#call;
    const goesOn =
      call !== undefined &&
      this.#runner.busy &&
      headers <= call.room &&
      call.batchSize === batchSize &&
      call.ingress === ingress;
    const room = goesOn ? call.room : roomFor(jobs);
    if (call) call.headers = Math.max(call.headers, headers);
    const code = loopCode({ jobs, room, batchSize, headers: goesOn ? call.headers : headers });
    using program = new BpfProgram('XDP', assemble(code, this.#maps(devices)), 'pktgen_loop');
    if (!goesOn) this.#runner.end();
    this.#programs.set(0, program.fd);
    this.#devices = devices;
    if (!goesOn) this.#begin(room, batchSize);
  }

  #maps(devices: readonly LiveDevice[]): Record<string, number> {
    const maps: Record<string, number> = { [THREAD_MAP]: this.#memory.fd, [PROGRAMS_MAP]: this.#programs.fd };
    for (const { job, stateFd, flowsFd } of devices) {
      maps[stateMap(job.id)] = stateFd;
      if (flowsFd !== undefined) maps[flowsMap(job.id)] = flowsFd;
    }
    return maps;
  }

  #begin(room: number, batchSize: number): void {
    const jobs = this.#jobs();
    const ingress = jobs.find((job) => job.mode === 'netif_receive')?.link.index;
    const headers = longestHeader(jobs);
    this.#call = { room, batchSize, ingress, headers };
    this.#setWallOffset();
    this.#runner.begin({
      program: this.#entry.fd,
      frame: new Uint8Array(room),
      repeat: MOST_TURNS,
      batchSize,
      ...(ingress !== undefined && { ingress }),
    });
  }

  #callEnded(): void {
    this.#call = undefined;
    const { result } = this.#runner;
    if (ORDERLY.has(result)) return;
    const jobs = this.#jobs();
    for (const { id } of jobs) this.take(id);
    this.#failure = { reason: `the kernel ends them (BPF_PROG_TEST_RUN: ${errnoName(-result)})`, jobs };
  }

  /** The program works out the wall clock from ktime. */
  #setWallOffset(): void {
    const ahead = offsetNs(this.#clock.wallOffset(this.#clock.now()));
    this.#words[THREAD.wallOffset + 1] = Number(ahead >> 32n);
    this.#words[THREAD.wallOffset] = Number(ahead & 0xffff_ffffn);
  }

  close(): void {
    for (const { job } of this.#devices) Atomics.store(job.state, STATE.phase, LIVE_PHASE.IDLE);
    this.#runner.close();
    this.#losses[Symbol.dispose]();
    this.#stackDrops[Symbol.dispose]();
    this.#entry[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }
}
