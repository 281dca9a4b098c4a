/** The thread that the kernel's loop of live frames runs on: it does nothing else, and sleeps between calls. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { liveRun } from '../../linux/bpf-test-run.ts';
import { pinThread, setThreadName, threadId } from '../../linux/sched.ts';
import { RUNNER, type RunnerMessage, type RunnerSetup } from './runner.ts';

const { cpu, words, port } = workerData as RunnerSetup;

setThreadName(`kpktgend_${cpu}`);
try {
  pinThread(cpu);
} catch {
  // The thread that watches over this one has said so.
}
Atomics.store(words, RUNNER.tid, threadId());
Atomics.notify(words, RUNNER.tid);
for (;;) {
  Atomics.wait(words, RUNNER.calls, Atomics.load(words, RUNNER.done));
  const message = receiveMessageOnPort(port)?.message as RunnerMessage | undefined;
  if (message === undefined) continue;
  if (message === 'exit') break;
  Atomics.store(words, RUNNER.result, liveRun(message));
  Atomics.add(words, RUNNER.done, 1);
  Atomics.notify(words, RUNNER.done);
}
port.close();
parentPort?.close();
