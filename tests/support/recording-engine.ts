import type { Engine, TransmitJob } from '../../src/pktgen/engine.ts';
import { addU64, STATE, writeU64 } from '../../src/template/device-state.ts';
import { newFlowTable } from '../../src/template/flow-table.ts';
import { newPacketWriter } from '../../src/template/javascript-executor.ts';
import { frameLength } from '../../src/template/packet-template.ts';
import type { FakeMachine } from './fake-machine.ts';

/** Bytes that a veth takes beyond its MTU: Ethernet header and a VLAN tag. */
const LINK_OVERHEAD = 18;
/** Where a run without end is cut off. */
const LONGEST_RUN = 5000;

/**
 * An engine that makes each packet of a run at once and keeps its bytes: the executor without the send loop. It sends
 * each packet once, as links do that do not share buffers.
 */
export function recordingEngine(frames: Uint8Array[]) {
  return (machine: FakeMachine, stopped: (id: number) => void): Engine => ({
    prepare() {},
    start(_thread, jobs) {
      for (const job of jobs) record(job, machine, frames, stopped);
    },
    update() {},
    stop(_thread, ids) {
      for (const id of ids) stopped(id);
    },
    remove() {},
  });
}

function record(job: TransmitJob, machine: FakeMachine, frames: Uint8Array[], stopped: (id: number) => void): void {
  const { state, pace, template } = job;
  const memory = new Uint8Array(1 << 16);
  const writer = newPacketWriter(template, state, memory, newFlowTable());
  writer.prepare(0);
  for (let n = 0; (pace.count === 0 || n < pace.count) && n < LONGEST_RUN; n++) {
    state[STATE.timeSec] = 0;
    const length = writer.write(0);
    const empty = length === template.fixups.payload + 16;
    state[STATE.builtFrags] = 1 + (job.frags > 0 && !empty ? Math.min(job.frags, 17) : 0);
    if (length > job.link.mtu + LINK_OVERHEAD) {
      addU64(state, STATE.errors, 1);
      n--;
      if (machine.time > 1e12) break;
      machine.time += 1e9;
      continue;
    }
    frames.push(memory.slice(0, length));
    addU64(state, STATE.sofar, 1);
    addU64(state, STATE.txBytes, length);
    state[STATE.seqNum] = (state[STATE.seqNum] ?? 0) + 1;
  }
  if (frames.length === 0 && frameLength(template, (state[STATE.curPktSize] ?? 0) | 0) > 0) addU64(state, STATE.idle, 0);
  writeU64(state, STATE.stoppedAt, machine.now());
  Atomics.store(state, STATE.running, 0);
  stopped(job.id);
}
