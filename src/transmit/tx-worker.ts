/** The thread kpktgend_N: sends for its devices, and takes messages between bursts. It never returns to its event loop. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { monotonicNs, wallOffset } from '../linux/clock.ts';
import { allowedCpus, runOn, setThreadName, setTimerSlack } from '../linux/sched.ts';
import type { LoopClock } from './departures.ts';
import { LiveThread } from './live/live-thread.ts';
import { StartGate } from './start-gate.ts';
import { ThreadDevices } from './thread-devices.ts';
import { BELL, type ThreadMessage, type ThreadReport, type ThreadSetup } from './thread-message.ts';

const setup = workerData as ThreadSetup;
const { cpu, bell } = setup;
if (!parentPort) throw new TypeError('tx-worker runs as a worker');
const port = parentPort;
const report = (what: ThreadReport): void => port.postMessage(what);

/** How old the difference between the clocks may become, ns: the wall clock may be set. */
const CALIBRATION_NS = 100e6;
/** From one look at live frames to the next. */
const LIVE_POLL_NS = 5e6;
let ahead = wallOffset();
let calibrated = monotonicNs();

/** The bell as it was when the messages were last looked at. */
let heard = 0;

const clock: LoopClock = {
  now: monotonicNs,
  wallOffset(now) {
    if (now - calibrated > CALIBRATION_NS) {
      ahead = wallOffset();
      calibrated = now;
    }
    return ahead;
  },
  sleepUntil(time) {
    const rung = Atomics.load(bell, BELL.rung);
    if (rung !== heard) return;
    const ms = (time - monotonicNs()) / 1e6;
    if (ms > 0) Atomics.wait(bell, BELL.rung, rung, ms);
  },
};

const devices = new ThreadDevices(setup, clock, report, (own, time) => {
  const live = new LiveThread(own, time);
  Atomics.store(bell, BELL.runner, live.tid);
  return live;
});

/** Takes the messages that came. False when the thread is to end. */
function takeMessages(): boolean {
  heard = Atomics.load(bell, BELL.rung);
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ThreadMessage } | undefined;
    if (!received) return true;
    const { message } = received;
    if (message.kind === 'start') {
      devices.start(message.jobs, message.gate && new StartGate(message.gate, monotonicNs));
    } else if (message.kind === 'update') devices.update(message.job);
    else if (message.kind === 'remove') devices.remove(message.id);
    else if (message.kind === 'return') returnToCpu();
    else return false;
  }
}

setThreadName(`kpktgend_${cpu}`);
setTimerSlack(1);
/** The CPUs of this process but the thread's own; the own one where there is no other. */
const others = allowedCpus().filter((one) => one !== cpu);
let aside: boolean | undefined;

/** Runs on the thread's CPU, or aside while a program sends there by itself and only wants to be watched over. */
function place(wanted: boolean): void {
  if (wanted === aside) return;
  aside = wanted;
  try {
    runOn(wanted && others.length > 0 ? others : [cpu]);
  } catch (error) {
    report({ log: `WARNING: kpktgend_${cpu} may run on any CPU: ${error instanceof Error ? error.message : error}` });
  }
}

/** The kernel has moved this thread, and the one that runs live frames, off a CPU that went; now it is there again. */
function returnToCpu(): void {
  aside = undefined;
  const runner = Atomics.load(bell, BELL.runner);
  if (runner === 0) return;
  try {
    runOn([cpu], runner);
  } catch (error) {
    report({ log: `WARNING: kpktgend_${cpu}: ${error instanceof Error ? error.message : error}` });
  }
}

place(false);
let polled = 0;
for (;;) {
  if (Atomics.load(bell, BELL.rung) !== heard && !takeMessages()) break;
  if (devices.live && clock.now() - polled >= LIVE_POLL_NS) {
    devices.poll();
    polled = clock.now();
  }
  const sender = devices.next;
  place(!sender && devices.live);
  if (sender) devices.send(sender);
  else if (devices.live) Atomics.wait(bell, BELL.rung, heard, LIVE_POLL_NS / 1e6);
  else Atomics.wait(bell, BELL.rung, heard);
}
devices.close();
port.close();
