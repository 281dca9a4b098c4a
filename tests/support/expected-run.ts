import { applyLines } from '../../src/cli/apply-lines.ts';
import type { SecurityAssociation } from '../../src/ipsec/security-association.ts';
import { Device } from '../../src/pktgen/device.ts';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import { MODULE_PARAMS } from '../../src/pktgen/pktgen.ts';
import { newDeviceState, STATE, STATE_WORDS } from '../../src/template/device-state.ts';
import { newPacketWriter } from '../../src/template/javascript-executor.ts';
import { piecesOf } from '../../src/transmit/fragments.ts';
import { newSealMeans } from '../../src/transmit/seal-means.ts';
import { ETHERNET_HEADER_LEN } from '../../src/wire/ethernet.ts';
import { timeIn } from './same-frames.ts';
import type { SkbPieces } from './skb-probe.ts';

const LONGEST = 4096;

/**
 * The run that a device is about to begin, by the pure model alone: a device of the same link, the same lines and the
 * same random source, whose memory nobody shares. Throws UsageError for a line that the device does not take.
 */
export function shadowRun(
  device: Device,
  lines: readonly string[],
  associations: readonly SecurityAssociation[],
  nodePossible: (node: number) => boolean,
): TransmitJob {
  const { id, name, cpu, link } = device;
  const state = newDeviceState();
  const shadow = new Device({ id, name, cpu, link, defaults: MODULE_PARAMS, state, random: 0 });
  state.set(device.state.subarray(0, STATE_WORDS));
  applyLines(shadow, lines, nodePossible);
  const { job, patches } = shadow.start(0, associations);
  shadow.patch(patches);
  return job;
}

/** What the pure JavaScript executor makes of a run. */
export interface ExpectedPackets {
  readonly frames: readonly Uint8Array[];
  /** Packets on each queue of the link. */
  readonly queues: readonly number[];
}

/** Makes the packets of a run, each with the time that the arrived one carries. Uses the state of the job up. */
export function expectedPackets(
  { template, state, pace, link }: TransmitJob,
  arrived: readonly Uint8Array[],
): ExpectedPackets {
  const memory = new Uint8Array(LONGEST);
  const writer = newPacketWriter(template, state, memory, undefined, newSealMeans());
  const { nsec } = template.fixups;
  const lengths = new Uint32Array(1);
  const queue = Uint16Array.of(state[STATE.curQueueMap] ?? 0);
  const queues = Array.from({ length: link.txQueues }, () => 0);
  writer.prepare(0);
  const frames = Array.from({ length: pace.count }, (_, n) => {
    const frame = arrived[n];
    state.set(timeIn(frame), STATE.timeSec);
    if (nsec !== undefined && frame) state[STATE.timeNsec] = ((frame[nsec] ?? 0) << 8) | (frame[nsec + 1] ?? 0);
    if (n % pace.burst > 0) state[STATE.seqNum] = (state[STATE.seqNum] ?? 0) + 1;
    else writer.write(0, 0, 1, lengths, queue);
    queues[queue[0] ?? 0] = (queues[queue[0] ?? 0] ?? 0) + 1;
    return memory.slice(0, lengths[0]);
  });
  return { frames, queues };
}

/** The pieces of a run's packets, as the receiving side sees them: without the Ethernet header. */
export function expectedPieces({ template, frags }: TransmitJob, frameLen: number): SkbPieces {
  const { linear, fragments } = piecesOf(frameLen, template.frame.length, frags);
  return { linear: linear - ETHERNET_HEADER_LEN, fragments };
}
