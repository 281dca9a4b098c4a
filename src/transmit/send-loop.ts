import type { TransmitJob } from '../pktgen/engine.ts';
import { addU64, readU64, STATE, writeU64 } from '../template/device-state.ts';
import type { FlowTable } from '../template/flow-table.ts';
import { newPacketWriter, type PacketWriter } from '../template/javascript-executor.ts';
import { countsPerFlow, longestFrame, MIN_PAYLOAD } from '../template/packet-template.ts';
import { CHUNK, Departures, type LoopClock, SLOW_CHUNK, SPIN_NS } from './departures.ts';
import { MAX_FRAGS } from './fragments.ts';
import type { FrameQueue } from './frame-queue.ts';
import { newSealMeans } from './seal-means.ts';

/** Packets that share a look at the wall clock: less than a microsecond goes by meanwhile. */
const STAMP_EVERY = 32;
/** What is waited for links to let go of frames at most when a run is stopped. */
const STOP_DRAIN_NS = 1_500_000;
const SECOND = 1e9;

/** A device that this thread sends for. */
export class Sender {
  job: TransmitJob;
  readonly queue: FrameQueue;
  readonly #flows: FlowTable;
  readonly #clock: LoopClock;
  readonly #departures: Departures;
  /** Numbers of IPsec go on from run to run. */
  readonly #means = newSealMeans();
  #writer: PacketWriter;
  /** Slots that still hold bytes of an earlier template. */
  #stale: number;
  /** Where the packet at hand lies; -1 when none is. */
  #at = -1;
  /** Lengths of the packets made last; of the packet at hand, the first. */
  readonly #lengths = new Uint32Array(STAMP_EVERY);
  /** Transmit queues of the packets made last. */
  readonly #queues = new Uint16Array(STAMP_EVERY);
  #bytes = 0;
  #dropped = 0;
  /** Longest frame that leaves, and whether the template makes longer ones. */
  #longest = 0;
  #careful = false;

  /** `nextTx`: for a sender that takes over a run with another queue. */
  constructor(job: TransmitJob, queue: FrameQueue, flows: FlowTable, clock: LoopClock, nextTx = 0) {
    this.job = job;
    this.queue = queue;
    this.#flows = flows;
    this.#clock = clock;
    this.#departures = new Departures(clock);
    this.#departures.next = nextTx;
    this.#stale = queue.slots;
    this.#writer = this.#newWriter();
    this.#measure();
  }

  #measure(): void {
    const { template, state } = this.job;
    this.#queues.fill(state[STATE.curQueueMap] ?? 0);
    this.#longest = Math.min(this.queue.slotLen, this.queue.longestFrame(this.job));
    this.#careful = longestFrame(template, state[STATE.curPktSize] ?? 0) > this.#longest;
  }

  #newWriter(): PacketWriter {
    const memory = { buffer: this.queue.memory, byteOffset: 0, byteLength: this.queue.memory.byteLength };
    return newPacketWriter(this.job.template, this.job.state, memory, this.#flows, this.#means);
  }

  /** ktime at which the device departs next. */
  get nextTx(): number {
    return this.#departures.next;
  }
  get running(): boolean {
    return this.job.state[STATE.running] === 1;
  }
  get #stopping(): boolean {
    return Atomics.load(this.job.state, STATE.stop) === 1;
  }

  /** Begins the run: time starts now, no packet is at hand. */
  begin(): void {
    const { state } = this.job;
    const now = this.#clock.now();
    this.#departures.next = now;
    for (const at of [STATE.startedAt, STATE.stoppedAt, STATE.nextTx]) writeU64(state, at, now);
    this.#at = -1;
    this.#bytes = this.queue.bytes;
    this.#dropped = this.queue.dropped;
    this.#queues.fill(state[STATE.curQueueMap] ?? 0);
  }

  /** Goes on with another template; its frames must fit the queue's slots. */
  update(job: TransmitJob): void {
    this.#handOver();
    // What has become too long for the link would be refused for ever, and all that is behind it.
    if (job.link.mtu < this.job.link.mtu) this.#takeBack();
    this.job = job;
    this.#departures.paceChanged();
    this.#stale = this.queue.slots;
    this.#writer = this.#newWriter();
    this.#measure();
  }

  /** Another transmitter goes on with the run: what the link has not taken yet is taken back. */
  release(): void {
    this.#handOver();
    this.#takeBack();
    writeU64(this.job.state, STATE.nextTx, this.nextTx);
  }

  /** Whether the queue's slots take the longest frame of a template. */
  fits(job: TransmitJob): boolean {
    const longest = longestFrame(job.template, job.state[STATE.curPktSize] ?? 0);
    // What is sealed is written whole before its length is looked at.
    return (job.template.seal ? longest : Math.min(longest, this.queue.longestFrame(job))) <= this.queue.slotLen;
  }

  /** Sends some packets, or waits for the next departure; ends the run when it is at its end (pktgen_xmit). */
  send(): void {
    const { pace, state, template } = this.job;
    try {
      const most = template.seal ? SLOW_CHUNK : CHUNK;
      const due = Math.min(this.#departures.due(pace, state, most), this.#packetsLeft());
      const sent = this.#repeats > 1 ? this.#sendRepeated(due) : this.#sendEach(due);
      // What found no room departs with the next call.
      if (pace.delayNs > 0 && sent < due) this.#departures.giveBack(due - sent, pace);
      this.#handOver();
    } catch (error) {
      this.end(true);
      throw error;
    }
    writeU64(state, STATE.nextTx, this.nextTx);
    if (pace.count !== 0 && readU64(state, STATE.sofar) >= pace.count) this.end(false);
    else if (this.#stopping) this.end(true);
  }

  /** How often each packet is handed over, in all. */
  get #repeats(): number {
    const { burst, cloneSkb } = this.job.pace;
    return Math.max(burst, 1) * Math.max(cloneSkb, 1);
  }

  /** Packets (bursts of them) that are still to be handed over; a whole burst goes even when fewer are left. */
  #packetsLeft(): number {
    const { pace, state } = this.job;
    if (pace.count === 0) return CHUNK;
    const left = pace.count - readU64(state, STATE.sofar) - this.queue.pending;
    return Math.max(0, Math.ceil(left / Math.max(pace.burst, 1)));
  }

  /** Sends so many packets, each of them once. Returns how many were made; fewer when there is no room. */
  #sendEach(packets: number): number {
    const { queue } = this;
    const { template } = this.job;
    let done = 0;
    while (done < packets) {
      // One by one: packets that may be too long, slots that hold bytes of an earlier template, and exact times.
      const single = this.#careful || this.#stale > 0 || template.fixups.nsec !== undefined;
      const most = single ? 1 : Math.min(packets - done, STAMP_EVERY);
      const room = this.#reserve(most);
      if (room === 0) break;
      if (room > 1) {
        this.#stamp();
        this.#writer.write(queue.at, queue.stride, room, this.#lengths, this.#queues);
        queue.commit(room, this.#lengths, this.#queues);
      } else if (this.#write()) queue.commit(1, this.#lengths, this.#queues);
      done += room;
    }
    if (done > 0) this.#noteBuilt();
    return done;
  }

  /** Sends so many bursts, of packets that go out several times. Returns how many found room. */
  #sendRepeated(bursts: number): number {
    for (let n = 0; n < bursts; n++) if (!this.#sendBurst()) return n;
    return bursts;
  }

  /** Sends the packet at hand or the next one, as often as a burst says. False when there was no room. */
  #sendBurst(): boolean {
    const { pace, state } = this.job;
    const repeats = Math.max(pace.burst, 1);
    let again = this.#at >= 0 && !this.#wantsNew();
    for (let n = 0; n < repeats; n++) {
      if (this.#reserve(1) === 0) return false;
      const { at } = this.queue;
      if (again) this.#repeat(at);
      else if (this.#write()) {
        this.#noteBuilt();
        state[STATE.cloneCount] = 0;
      } else return true;
      again = true;
      this.#at = at;
      this.queue.commit(1, this.#lengths, this.#queues);
    }
    return true;
  }

  /** Counts a send of the packet at hand; true when it was sent often enough (clone_count). */
  #wantsNew(): boolean {
    const { pace, state } = this.job;
    // What is committed and not handed over yet counts as sent.
    if (state[STATE.lastOk] === 0 && this.queue.pending === 0) return false;
    const clones = (state[STATE.cloneCount] ?? 0) + 1;
    state[STATE.cloneCount] = clones;
    return clones >= pace.cloneSkb;
  }

  /** Slots for the next frames; hands over what is committed when there are none. 0: the link is busy. */
  #reserve(most: number): number {
    const { queue } = this;
    let room = queue.reserve(most);
    if (room === 0) {
      this.#handOver();
      room = queue.reserve(most);
    }
    if (room > 0 && this.#stale > 0) {
      this.#writer.prepare(queue.at);
      this.#stale--;
    }
    return room;
  }

  /** Makes a packet in the next slot. False when it is longer than the link takes: an error, and nothing is sent. */
  #write(): boolean {
    const { state } = this.job;
    const seq = state[STATE.seqNum] ?? 0;
    this.#stamp();
    this.#writer.write(this.queue.at, 0, 1, this.#lengths, this.#queues);
    if ((this.#lengths[0] ?? 0) <= this.#longest) return true;
    addU64(state, STATE.errors, 1);
    state[STATE.seqNum] = seq;
    if (countsPerFlow(this.job.template)) {
      const flow = state[STATE.curFlow] ?? 0;
      this.#flows.seq[flow] = (this.#flows.seq[flow] ?? 1) - 1;
    }
    this.#at = -1;
    return false;
  }

  /** Notes the fragments of the packet made last: they are what a result shows. */
  #noteBuilt(): void {
    const { state, template, frags } = this.job;
    const hasData = (this.#lengths[0] ?? 0) > template.fixups.payload + MIN_PAYLOAD;
    state[STATE.builtFrags] = frags > 0 && hasData ? Math.min(frags, MAX_FRAGS) + 1 : 1;
  }

  /** Puts the packet at hand into another slot. It uses up a sequence number of its own, which it does not show. */
  #repeat(at: number): void {
    const { state } = this.job;
    state[STATE.seqNum] = (state[STATE.seqNum] ?? 0) + 1;
    if (at !== this.#at) new Uint8Array(this.queue.memory).copyWithin(at, this.#at, this.#at + (this.#lengths[0] ?? 0));
  }

  /** Sets the time that the packets made next carry. */
  #stamp(): void {
    const { state } = this.job;
    const now = this.#clock.now();
    const ahead = this.#clock.wallOffset(now);
    const whole = Math.floor(now / SECOND);
    const nsec = Math.floor(now - whole * SECOND) + ahead.nsec;
    const carry = nsec >= SECOND ? 1 : 0;
    const rest = nsec - carry * SECOND;
    const usec = Math.floor(rest / 1000);
    state[STATE.timeSec] = whole + ahead.sec + carry;
    state[STATE.timeUsec] = usec;
    state[STATE.timeNsec] = rest - usec * 1000;
  }

  /** Hands over what is committed and counts what left. */
  #handOver(): void {
    if (this.queue.pending === 0) return;
    const { state } = this.job;
    const left = this.queue.flush();
    if (this.queue.dropped > this.#dropped) {
      addU64(state, STATE.errors, this.queue.dropped - this.#dropped);
      this.#dropped = this.queue.dropped;
    }
    if (left === 0) return;
    state[STATE.lastOk] = 1;
    addU64(state, STATE.txBytes, this.queue.bytes - this.#bytes);
    this.#bytes = this.queue.bytes;
    addU64(state, STATE.sofar, left);
  }

  /** Takes back packets that the link had no room for: they were never sent, and their numbers are free again. */
  #takeBack(): void {
    const frames = this.queue.discard();
    if (frames === 0) return;
    const { state } = this.job;
    state[STATE.seqNum] = (state[STATE.seqNum] ?? 0) - frames;
    this.#at = -1;
  }

  /** Ends the run (pktgen_stop_device): the link lets go of the frames first, for a stop as far as that is quick. */
  end(stopped: boolean): void {
    const { state } = this.job;
    this.#takeBack();
    const until = this.#clock.now() + STOP_DRAIN_NS;
    while (!this.queue.drained()) {
      if ((stopped || this.#stopping) && this.#clock.now() > until) break;
      this.#clock.sleepUntil(this.#clock.now() + SPIN_NS);
    }
    writeU64(state, STATE.stoppedAt, this.#clock.now());
    Atomics.store(state, STATE.running, 0);
  }
}

/** The running device that departs next, the first of those that depart at once (next_to_run). */
export function nextToRun(senders: readonly Sender[]): Sender | undefined {
  let best: Sender | undefined;
  for (const sender of senders) {
    if (sender.running && (best === undefined || sender.nextTx < best.nextTx)) best = sender;
  }
  return best;
}
