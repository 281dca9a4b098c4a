import type { SecurityAssociation } from '../ipsec/security-association.ts';
import { Device } from '../pktgen/device.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import type { Link } from '../pktgen/link.ts';
import { MODULE_PARAMS } from '../pktgen/pktgen.ts';
import { newDeviceState, STATE } from '../template/device-state.ts';
import { newPacketWriter } from '../template/javascript-executor.ts';
import { frameLength, HEADER_ROOM, longestFrame } from '../template/packet-template.ts';
import { newSealMeans } from '../transmit/seal-means.ts';
import { describe, dissect } from '../wire/dissect.ts';
import { hexdump } from '../wire/hexdump.ts';
import { PCAP_RECORD_HEADER_LEN, pcapFileHeader, pcapRecordHeader } from '../wire/pcap.ts';
import { applyLines } from './apply-lines.ts';

/** A link for previews where none was named. */
export const EXAMPLE_LINK: Link = {
  name: 'eth0',
  index: 0,
  ethernet: true,
  up: true,
  carrier: true,
  mac: '02:00:00:00:00:01',
  mtu: 65535,
  txQueues: 1,
  sharesSkb: true,
};

/** A packet as it would leave, and when after the start, ns. */
export interface PreviewPacket {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** The first packets of a configuration, made without a link. `wallSec` is the time that they carry at the start. */
export function previewPackets(
  lines: readonly string[],
  packets: number,
  link: Link,
  wallSec: number,
  associations: readonly SecurityAssociation[] = [],
): PreviewPacket[] {
  const device = new Device({
    ...{ id: 1, name: link.name, cpu: 0, link, defaults: MODULE_PARAMS },
    ...{ state: newDeviceState(), random: 1 },
  });
  applyLines(device, lines, (node) => node === 0);
  const { job } = device.start(0, associations);
  const writer = packetMaker(job);
  const { count, delayNs, burst, cloneSkb } = job.pace;
  const repeats = Math.max(burst, 1) * Math.max(cloneSkb, 1);
  const wanted = count === 0 ? packets : Math.min(packets, count);
  const made: PreviewPacket[] = [];
  for (let n = 0; n < wanted; n++) {
    const at = Number.isFinite(delayNs) ? Math.floor(n / burst) * delayNs : 0;
    if (n % repeats === 0) {
      device.patch([
        [STATE.timeSec, wallSec + Math.floor(at / 1e9)],
        [STATE.timeUsec, Math.floor((at % 1e9) / 1000)],
      ]);
      made.push({ at, bytes: writer() });
      continue;
    }
    made.push({ at, bytes: made.at(-1)?.bytes ?? new Uint8Array() });
    device.patch([[STATE.seqNum, (job.state[STATE.seqNum] ?? 0) + 1]]);
  }
  return made;
}

/** Makes packet after packet, each in memory of its own. */
function packetMaker({ template, state }: TransmitJob): () => Uint8Array {
  const room = longestFrame(template, state[STATE.curPktSize] ?? 0);
  const memory = new Uint8Array(Math.max(room, frameLength(template, 0)) + HEADER_ROOM);
  const writer = newPacketWriter(template, state, memory, undefined, newSealMeans());
  writer.prepare(0);
  const lengths = new Uint32Array(1);
  return () => {
    writer.write(0, 0, 1, lengths, new Uint16Array(1));
    return memory.slice(0, lengths[0]);
  };
}

/** Layers and bytes of each packet, for people. */
export const previewText = (packets: readonly PreviewPacket[]): string =>
  packets
    .map(({ at, bytes }, i) => {
      const layers = describe(dissect(bytes)).map((layer) => `  ${layer}`);
      return [`packet ${i + 1}, ${bytes.length} bytes, ${at} ns after the start`, ...layers, hexdump(bytes)].join('\n');
    })
    .join('\n\n');

/** The packets as a pcap file. */
export function previewPcap(packets: readonly PreviewPacket[], wallSec: number): Uint8Array[] {
  const records = packets.flatMap(({ at, bytes }) => {
    const header = new Uint8Array(PCAP_RECORD_HEADER_LEN);
    const [sec, nsec] = [wallSec + Math.floor(at / 1e9), at % 1e9];
    pcapRecordHeader(new DataView(header.buffer), 0, sec, nsec, bytes.length, bytes.length);
    return [header, bytes];
  });
  return [pcapFileHeader(), ...records];
}
