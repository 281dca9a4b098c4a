import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { monotonicNs, realtimeNs } from '../linux/clock.ts';
import { pinThread, setThreadName, setTimerSlack } from '../linux/sched.ts';
import { STATE, writeU64 } from '../template/device-state.ts';
import { type FlowTable, newFlowTable } from '../template/flow-table.ts';
import type { LoopClock } from './departures.ts';
import { openQueue, sameQueue } from './open-queue.ts';
import { nextToRun, Sender } from './send-loop.ts';
import type { PatchedJob, ThreadMessage, ThreadReport, ThreadSetup } from './thread-message.ts';

/** The thread kpktgend_N: sends for its devices, and takes messages between bursts. It never returns to its event loop. */
const { cpu, bell, transmitter, options } = workerData as ThreadSetup;
if (!parentPort) throw new TypeError('tx-worker runs as a worker');
const port = parentPort;
const report = (what: ThreadReport): void => port.postMessage(what);

/** How old the difference between the clocks may become, ns: the wall clock may be set or slewed. */
const CALIBRATION_NS = 100e6;
let wallOffset = realtimeNs() - monotonicNs();
let calibrated = monotonicNs();

const clock: LoopClock = {
  now: monotonicNs,
  wall() {
    const now = monotonicNs();
    if (now - calibrated > CALIBRATION_NS) {
      wallOffset = realtimeNs() - now;
      calibrated = now;
    }
    return now + wallOffset;
  },
  sleepUntil(time) {
    const rung = Atomics.load(bell, 0);
    if (rung !== heard) return;
    const ms = (time - monotonicNs()) / 1e6;
    if (ms > 0) Atomics.wait(bell, 0, rung, ms);
  },
};

/** The bell as it was when the messages were last looked at. */
let heard = 0;
/** Newest device first, as the thread's list is. */
let senders: Sender[] = [];
const flows = new Map<number, FlowTable>();

const flowsOf = (id: number): FlowTable => {
  const table = flows.get(id) ?? newFlowTable();
  flows.set(id, table);
  return table;
};
const patch = ({ state, patches }: PatchedJob): void => {
  for (const [word, value] of patches) state[word] = value;
};
const nameOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The sender of a job: the one there is when its queue does, else one with a queue of its own. */
function senderFor(job: PatchedJob): Sender {
  const old = senders.find((sender) => sender.job.id === job.id);
  if (old && sameQueue(old.job, job) && old.fits(job)) {
    old.update(job);
    return old;
  }
  const sender = new Sender(job, openQueue(transmitter, job, options), flowsOf(job.id), clock, old?.nextTx);
  old?.queue.close();
  return sender;
}

/** Ends a run that cannot go on. */
function fail(job: PatchedJob, error: unknown): void {
  report({ log: `ERROR: ${job.name}: ${nameOf(error)}` });
  writeU64(job.state, STATE.stoppedAt, monotonicNs());
  Atomics.store(job.state, STATE.running, 0);
  report({ stopped: job.id });
}

function start(jobs: readonly PatchedJob[]): void {
  const started = jobs.flatMap((job) => {
    try {
      patch(job);
      return [senderFor(job)];
    } catch (error) {
      fail(job, error);
      return [];
    }
  });
  const others = senders.filter((sender) => !jobs.some((job) => job.id === sender.job.id));
  senders = [...started, ...others];
  for (const sender of started) sender.begin();
}

function update(job: PatchedJob): void {
  patch(job);
  const at = senders.findIndex((sender) => sender.job.id === job.id);
  if (at < 0) return;
  try {
    senders[at] = senderFor(job);
  } catch (error) {
    fail(job, error);
  }
}

function remove(id: number): void {
  senders.find((sender) => sender.job.id === id)?.queue.close();
  senders = senders.filter((sender) => sender.job.id !== id);
  flows.delete(id);
}

/** Takes the messages that came. False when the thread is to end. */
function takeMessages(): boolean {
  heard = Atomics.load(bell, 0);
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ThreadMessage } | undefined;
    if (!received) return true;
    const { message } = received;
    if (message.kind === 'start') start(message.jobs);
    else if (message.kind === 'update') update(message.job);
    else if (message.kind === 'remove') remove(message.id);
    else return false;
  }
}

setThreadName(`kpktgend_${cpu}`);
setTimerSlack(1);
try {
  pinThread(cpu);
} catch (error) {
  report({ log: `WARNING: kpktgend_${cpu} may run on any CPU: ${nameOf(error)}` });
}
for (;;) {
  if (Atomics.load(bell, 0) !== heard && !takeMessages()) break;
  const sender = nextToRun(senders);
  if (!sender) {
    Atomics.wait(bell, 0, heard);
    continue;
  }
  try {
    sender.send();
  } catch (error) {
    report({ log: `${sender.job.name}: ${nameOf(error)}: the run has ended` });
  }
  if (!sender.running) report({ stopped: sender.job.id });
}
for (const sender of senders) sender.queue.close();
port.close();
