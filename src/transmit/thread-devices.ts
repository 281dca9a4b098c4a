import { SharedMap } from '../linux/bpf-map.ts';
import { SyscallError } from '../linux/errno.ts';
import { onNode } from '../linux/numa.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { readU64, STATE, writeU64 } from '../template/device-state.ts';
import { FLOW_TABLE_LEN, type FlowTable, flowTableIn, newFlowTable } from '../template/flow-table.ts';
import { countsPerFlow } from '../template/packet-template.ts';
import type { Choice } from './choose-transmitter.ts';
import type { LoopClock } from './departures.ts';
import { type OpenedMemory, openMemory } from './device-memory.ts';
import type { FrameQueue } from './frame-queue.ts';
import type { LiveJob, LiveThread } from './live/live-thread.ts';
import { openQueue, type QueueName, sameQueue } from './open-queue.ts';
import { nextToRun, Sender } from './send-loop.ts';
import type { StartGate } from './start-gate.ts';
import { ThreadChoice } from './thread-choice.ts';
import type { PatchedJob, PostedJob, ThreadReport, ThreadSetup } from './thread-message.ts';

/** What a device has for as long as it exists. */
interface DeviceMemory extends OpenedMemory {
  flows: { readonly table: FlowTable; readonly map?: SharedMap } | undefined;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * The devices of one kpktgend thread, in its worker. Each sends live frames, which a program of the kernel does by itself,
 * or through a queue, which is filled here: by whoever departs next.
 */
export class ThreadDevices {
  readonly #setup: Pick<ThreadSetup, 'cpu' | 'pcap' | 'noMaps'>;
  readonly #clock: LoopClock;
  readonly #report: (what: ThreadReport) => void;
  readonly #newLive: (cpu: number, clock: LoopClock) => LiveThread;
  readonly #memories = new Map<number, DeviceMemory>();
  /** Newest device first, as the thread's list is. */
  #senders: Sender[] = [];
  #live: LiveThread | undefined;
  readonly #choice: ThreadChoice;

  /** `newLive`: makes what sends live frames, when it is first needed. */
  constructor(
    setup: Pick<ThreadSetup, 'cpu' | 'pcap' | 'noMaps'>,
    clock: LoopClock,
    report: (what: ThreadReport) => void,
    newLive: (cpu: number, clock: LoopClock) => LiveThread,
  ) {
    this.#newLive = newLive;
    this.#setup = setup;
    this.#choice = new ThreadChoice(setup);
    this.#clock = clock;
    this.#report = report;
  }

  /** Whether live frames are to be watched over. */
  get live(): boolean {
    return this.#live?.active === true;
  }
  /** The device that has a packet to hand over next. */
  get next(): Sender | undefined {
    return nextToRun(this.#senders);
  }

  /** Begins runs; those of several threads that have a gate in common begin together. */
  start(posted: readonly PostedJob[], gate?: StartGate): void {
    const jobs = posted.map((job) => this.#open(job));
    const live: PatchedJob[] = [];
    const queued: PatchedJob[] = [];
    for (const job of jobs) {
      this.#live?.take(job.id);
      this.#choice.forget(job.id);
      const receiving = live.find(({ mode }) => mode === 'netif_receive')?.link.index;
      const choice = this.#choice.of(job, receiving ?? this.#live?.receivesOn(job.id));
      this.#tell(job, choice);
      if (choice.name === undefined) this.#fail(job, choice.why);
      else if (choice.name === 'live') live.push(job);
      else queued.push(job);
    }
    if (live.length > 0) queued.push(...this.#startLive(live));
    const senders = this.#openSenders(queued);
    if (gate) this.#live?.waitForTurns();
    const time = gate?.arrive() ?? 0;
    this.#live?.begin(time);
    if (senders.length > 0) gate?.waitUntil(time);
    for (const sender of senders) sender.begin();
  }

  /** Makes live frames ready to begin. Gives the jobs that have to go through the ring after all. */
  #startLive(jobs: readonly PatchedJob[]): readonly PatchedJob[] {
    for (const { id } of jobs) this.#closeQueue(id);
    try {
      this.#live ??= this.#newLive(this.#setup.cpu, this.#clock);
      this.#live.start(
        jobs.map((job) => this.#liveJob(job)),
        (job) => this.#begin(job),
      );
      return [];
    } catch (error) {
      this.#choice.liveRefused(nameOf(error));
      return jobs.filter((job) => {
        const choice = this.#choice.of(job);
        this.#tell(job, choice);
        if (choice.name === undefined) this.#fail(job, choice.why);
        return choice.name !== undefined;
      });
    }
  }

  /** Makes the senders of jobs, ready to begin. */
  #openSenders(jobs: readonly PatchedJob[]): readonly Sender[] {
    const started = jobs.flatMap((job) => {
      try {
        this.#begin(job);
        return [this.#senderFor(job)];
      } catch (error) {
        this.#fail(job, nameOf(error));
        return [];
      }
    });
    const others = this.#senders.filter((sender) => !jobs.some((job) => job.id === sender.job.id));
    this.#senders = [...started, ...others];
    return started;
  }

  /** Goes on with another template or pace; the way to send may change with it. */
  update(posted: PostedJob): void {
    const job = this.#open(posted);
    if (Atomics.load(job.state, STATE.running) === 0) {
      patch(job);
      return;
    }
    const wasLive = this.#live?.has(job.id) === true;
    const choice = this.#choice.of(job, this.#live?.receivesOn(job.id));
    try {
      if (choice.name === undefined) {
        this.#live?.take(job.id);
        patch(job);
        this.#fail(job, choice.why);
      } else if (choice.name === 'live' && wasLive) {
        this.#live?.update(this.#liveJob(job), job.patches.length > 0 ? () => patch(job) : undefined);
      } else if (choice.name === 'live') this.#goLive(job, choice);
      else if (wasLive) this.#leaveLive(job, choice);
      else this.#updateQueued(job, choice);
    } catch (error) {
      this.#fail(job, nameOf(error));
    }
  }

  #updateQueued(job: PatchedJob, choice: Choice): void {
    const before = this.#senders.find((sender) => sender.job.id === job.id)?.job;
    if (before && this.#choice.of(before).name !== choice.name) this.#tell(job, choice);
    patch(job);
    const at = this.#senders.findIndex((sender) => sender.job.id === job.id);
    if (at >= 0) this.#senders[at] = this.#senderFor(job);
  }

  #goLive(job: PatchedJob, choice: Choice): void {
    this.#tell(job, choice);
    this.#senders.find((sender) => sender.job.id === job.id)?.release();
    this.#closeQueue(job.id);
    patch(job);
    this.#live ??= this.#newLive(this.#setup.cpu, this.#clock);
    this.#live.join(this.#liveJob(job));
  }

  #leaveLive(job: PatchedJob, choice: Choice): void {
    this.#tell(job, choice);
    this.#live?.take(job.id);
    patch(job);
    this.#senders = [this.#senderFor(job), ...this.#senders];
  }

  /** Goes on without live frames with a run that they have failed. */
  #goOn(job: PatchedJob): void {
    const choice = this.#choice.of(job);
    try {
      if (choice.name === undefined) this.#fail(job, choice.why);
      else this.#leaveLive(job, choice);
    } catch (error) {
      this.#fail(job, nameOf(error));
    }
  }

  /** Looks after live frames: reports the runs that have ended. */
  poll(): void {
    const live = this.#live;
    if (!live) return;
    for (const id of live.poll()) this.#report({ stopped: id });
    const failure = live.takeFailure();
    if (!failure) return;
    this.#choice.liveRefused(failure.reason);
    for (const job of failure.jobs) this.#goOn({ ...job, patches: [] });
  }

  /** Hands over packets of a device whose departure is next. */
  send(sender: Sender): void {
    try {
      sender.send();
    } catch (error) {
      this.#report({ log: `ERROR: ${sender.job.name}: ${nameOf(error)}: the run has ended` });
    }
    if (!sender.running) this.#report({ stopped: sender.job.id });
  }

  remove(id: number): void {
    this.#choice.forget(id);
    this.#live?.take(id);
    this.#closeQueue(id);
    this.#memories.get(id)?.flows?.map?.[Symbol.dispose]();
    this.#memories.delete(id);
  }

  close(): void {
    this.#live?.close();
    for (const { job } of this.#senders) this.#closeQueue(job.id);
    for (const id of [...this.#memories.keys()]) this.remove(id);
  }

  #closeQueue(id: number): void {
    this.#senders.find((sender) => sender.job.id === id)?.queue.close();
    this.#senders = this.#senders.filter((sender) => sender.job.id !== id);
  }

  #open({ share, ...job }: PostedJob): PatchedJob {
    const memory = this.#memories.get(job.id) ?? { ...openMemory(share), flows: undefined };
    this.#memories.set(job.id, memory);
    return { ...job, state: memory.words };
  }

  /** Sets a device to the begin of a run: flows that count for themselves begin at 1 too. */
  #begin(job: PatchedJob): void {
    patch(job);
    if (countsPerFlow(job.template)) this.#flows(job).table.seq.fill(0);
  }

  /** The flow table of a device: in a map where its state is in one. */
  #flows({ id, node }: TransmitJob): NonNullable<DeviceMemory['flows']> {
    const memory = this.#memories.get(id);
    if (memory?.flows) return memory.flows;
    const map = memory?.fd === undefined ? undefined : new SharedMap(FLOW_TABLE_LEN, 'pktgen_flows', node);
    const flows = { table: map ? flowTableIn(map.memory) : newFlowTable(), ...(map && { map }) };
    if (memory) memory.flows = flows;
    return flows;
  }

  #liveJob(job: PatchedJob): LiveJob & { readonly job: PatchedJob } {
    const stateFd = this.#memories.get(job.id)?.fd;
    if (stateFd === undefined) throw new TypeError(`the state of ${job.name} is in no map`);
    const hasFlows = job.template.modifiers.some((modifier) => modifier.kind === 'flow');
    return { job, stateFd, flowsFd: hasFlows ? this.#flows(job).map?.fd : undefined };
  }

  /** The sender of a job: the one there is when its queue does, else one with a queue of its own. */
  #senderFor(job: PatchedJob): Sender {
    const old = this.#senders.find((sender) => sender.job.id === job.id);
    if (old && sameQueue(old.job, job) && old.job.transmitter === job.transmitter && old.fits(job)) {
      old.update(job);
      return old;
    }
    // First of all, as two queues cannot have the same AF_XDP socket.
    old?.release();
    old?.queue.close();
    const nextTx = old?.nextTx ?? readU64(job.state, STATE.nextTx);
    try {
      return new Sender(job, this.#openQueue(job), this.#flows(job).table, this.#clock, nextTx);
    } catch (error) {
      this.#senders = this.#senders.filter((sender) => sender !== old);
      throw error;
    }
  }

  /** Opens the queue that was chosen for a job; where AF_XDP is refused to one that may choose, what is chosen then. */
  #openQueue(job: PatchedJob): FrameQueue {
    const choice = this.#choice.of(job);
    const open = (): FrameQueue => openQueue(choice.name as QueueName, job, this.#setup.cpu, this.#setup.pcap);
    try {
      return job.node === undefined ? open() : this.#onNode(job, job.node, open);
    } catch (error) {
      if (choice.name !== 'xsk' || job.transmitter !== 'auto') throw error;
      this.#choice.xskRefused(job.id, nameOf(error));
      this.#tell(job, this.#choice.of(job));
      return this.#openQueue(job);
    }
  }

  /** Opens a queue whose memory is to lie on a NUMA node; where that is refused, it lies where it may. */
  #onNode(job: TransmitJob, node: number, open: () => FrameQueue): FrameQueue {
    try {
      return onNode(node, open);
    } catch (error) {
      if (!(error instanceof SyscallError && error.syscall === 'set_mempolicy')) throw error;
      this.#report({ log: `WARNING: ${job.name}: ${error.message}: packets lie on the node of the CPU` });
      return open();
    }
  }

  #tell({ id }: TransmitJob, { name, why }: Choice): void {
    if (name !== undefined) this.#report({ chosen: id, name, why });
  }

  /** Ends a run that cannot go on, or not begin. */
  #fail(job: PatchedJob, why: string): void {
    this.#report({ log: `ERROR: ${job.name}: ${why}` });
    writeU64(job.state, STATE.stoppedAt, this.#clock.now());
    Atomics.store(job.state, STATE.running, 0);
    this.#report({ stopped: job.id });
  }
}

function patch({ state, patches }: PatchedJob): void {
  for (const [word, value] of patches) state[word] = value;
}
