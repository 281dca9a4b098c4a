import { requireLength, requireRange } from './field-range.ts';
import { MAC_LEN } from './mac.ts';

/** EtherTypes (linux/if_ether.h). */
export const ETHERTYPE = { IPV4: 0x0800, VLAN: 0x8100, IPV6: 0x86dd, MPLS: 0x8847, SVLAN: 0x88a8 } as const;

/** Bytes of an Ethernet header (ETH_HLEN). */
export const ETHERNET_HEADER_LEN = 14;
/** Byte offsets inside the header (struct ethhdr). */
export const ethernetField = { dst: 0, src: 6, type: 12 } as const;

/** An Ethernet header: addresses of six bytes, `type` an EtherType or a length. */
export interface EthernetHeader {
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly type: number;
}

/** Writes an Ethernet header. RangeError when it does not fit into the frame or a value not into its field. */
export function emitEthernet(frame: DataView, at: number, { dst, src, type }: EthernetHeader): void {
  requireLength('Ethernet destination', dst, MAC_LEN);
  requireLength('Ethernet source', src, MAC_LEN);
  requireRange('Ethernet type', type, 0xffff);
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength);
  bytes.set(dst, at + ethernetField.dst);
  bytes.set(src, at + ethernetField.src);
  frame.setUint16(at + ethernetField.type, type);
}

/** Reads an Ethernet header; undefined when the frame is truncated. */
export function parseEthernet(frame: DataView, at: number): EthernetHeader | undefined {
  if (at + ETHERNET_HEADER_LEN > frame.byteLength) return undefined;
  const mac = (field: number): Uint8Array =>
    new Uint8Array(frame.buffer, frame.byteOffset + at + field, MAC_LEN).slice();
  return { dst: mac(ethernetField.dst), src: mac(ethernetField.src), type: frame.getUint16(at + ethernetField.type) };
}
