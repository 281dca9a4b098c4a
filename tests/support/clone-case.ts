import { formatIpv4 } from '../../src/wire/ipv4-address.ts';

/** A packet of a recording, seen on a dummy link. */
export interface Packet {
  readonly seq: number;
  readonly ip_id: number;
  readonly dport: number;
  readonly daddr: string;
  readonly len: number;
}
/** Runs on a link that shares buffers: the packets and the device file after each run. */
export interface CloneCase {
  readonly writes: readonly { readonly file: string; readonly write: string }[];
  readonly packets: readonly (readonly Packet[])[];
  readonly after: readonly string[];
}

/** The figures of a frame that the recordings tell. */
export function packetOf(frame: Uint8Array): Packet {
  const view = new DataView(frame.buffer, frame.byteOffset);
  return {
    seq: view.getUint32(46),
    ip_id: view.getUint16(18),
    dport: view.getUint16(36),
    daddr: formatIpv4(view.getUint32(30)),
    len: frame.length,
  };
}

/** The figures of a recorded packet, without when it was seen. */
export const recorded = ({ seq, ip_id, dport, daddr, len }: Packet): Packet => ({ seq, ip_id, dport, daddr, len });
