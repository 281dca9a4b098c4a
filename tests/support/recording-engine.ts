import type { Engine, TransmitJob } from '../../src/pktgen/engine.ts';
import { addU64, newDeviceState, STATE, writeU64 } from '../../src/template/device-state.ts';
import { newFlowTable } from '../../src/template/flow-table.ts';
import { newPacketWriter, type PacketWriter } from '../../src/template/javascript-executor.ts';
import { newSealMeans } from '../../src/transmit/seal-means.ts';
import type { FakeMachine } from './fake-machine.ts';

/** Bytes that a veth takes beyond its MTU: Ethernet header and a VLAN tag. */
const LINK_OVERHEAD = 18;
/** Where a run without end is cut off. */
const LONGEST_RUN = 5000;

/** Seconds and microseconds to write into the nth packet. */
export type TimeOf = (packet: number) => readonly [sec: number, usec: number];

/**
 * An engine that makes each packet of a run at once and keeps its bytes: the executor without the send loop. It sends
 * each packet once, as links do that do not share buffers, or `burst` times.
 */
export function recordingEngine(frames: Uint8Array[], timeOf: TimeOf = () => [0, 0]) {
  return (machine: FakeMachine, stopped: (id: number) => void): Engine => ({
    newState: newDeviceState,
    prepare() {},
    start(starts) {
      for (const job of starts.flatMap(({ jobs }) => jobs)) record(job, machine, frames, timeOf, stopped);
    },
    update() {},
    stop(_thread, ids) {
      for (const id of ids) stopped(id);
    },
    remove() {},
    returnTo() {},
  });
}

function record(
  job: TransmitJob,
  machine: FakeMachine,
  frames: Uint8Array[],
  timeOf: TimeOf,
  stopped: (id: number) => void,
): void {
  const { state, pace, template } = job;
  const memory = new Uint8Array(1 << 16);
  const writer = newPacketWriter(template, state, memory, newFlowTable(), newSealMeans());
  writer.prepare(0);
  let last = 0;
  for (let n = 0; (pace.count === 0 || n < pace.count) && n < LONGEST_RUN; n++) {
    state.set(timeOf(n), STATE.timeSec);
    const again = n % Math.max(pace.burst, 1) > 0;
    const length = again ? last : (writeOne(writer)[0] ?? 0);
    if (again) state[STATE.seqNum] = (state[STATE.seqNum] ?? 0) + 1;
    last = length;
    const empty = length === template.fixups.payload + 16;
    state[STATE.builtFrags] = 1 + (job.frags > 0 && !empty ? Math.min(job.frags, 17) : 0);
    if (length > job.link.mtu + LINK_OVERHEAD) {
      addU64(state, STATE.errors, 1);
      state[STATE.seqNum] = (state[STATE.seqNum] ?? 0) - 1;
      continue;
    }
    frames.push(memory.slice(0, length));
    addU64(state, STATE.sofar, 1);
    addU64(state, STATE.txBytes, length);
  }
  writeU64(state, STATE.stoppedAt, machine.now());
  Atomics.store(state, STATE.running, 0);
  stopped(job.id);
}

function writeOne(writer: PacketWriter): Uint32Array {
  const lengths = new Uint32Array(1);
  writer.write(0, 0, 1, lengths, new Uint16Array(1));
  return lengths;
}
