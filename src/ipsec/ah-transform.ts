import { AH_HEADER_LEN, ahField, ahLengthField } from '../wire/ah.ts';
import { IP_PROTOCOL, ipv4Field } from '../wire/ipv4.ts';
import { ipv6Field } from '../wire/ipv6.ts';
import { newAssociationMac } from './association-mac.ts';
import { ahLen } from './security-association.ts';
import type { Frame, SealContext, Transform } from './transform.ts';

/** AH (RFC 4302): signs the IP header before it, as far as routers leave that as it is, itself, and all that follows. */
export function newAhTransform(context: SealContext): Transform {
  const { association, number } = context;
  const { spi, family } = association;
  const headerLen = ahLen(association);
  const lengthField = ahLengthField(headerLen - AH_HEADER_LEN);
  const esn = association.flags.includes('esn');
  const mac = newAssociationMac(context);
  const withoutMutable = family === 4 ? withoutMutable4 : withoutMutable6;
  return {
    protocol: IP_PROTOCOL.AH,
    tailLen: () => 0,
    write: (frame, { ip, start, end }, next) => {
      const { bytes, view } = frame;
      bytes[start + ahField.nextHeader] = next;
      bytes[start + ahField.length] = lengthField;
      view.setUint16(start + ahField.reserved, 0);
      view.setUint32(start + ahField.spi, spi);
      view.setUint32(start + ahField.seq, number.low);
      const icv = start + ahField.icv;
      bytes.fill(0, icv, start + headerLen);
      if (!mac) return;
      // The high half of a 64-bit number is signed behind all the rest, and not sent.
      if (esn) view.setUint32(end, number.high);
      withoutMutable(frame, ip, () => mac(bytes, ip, esn ? end + 4 : end, icv));
    },
  };
}

/** Calls `sign` while the fields that change on the way are zero (RFC 4302, section 3.3.3.1.1.1). */
function withoutMutable4({ bytes, view }: Frame, ip: number, sign: () => void): void {
  const tos = bytes[ip + ipv4Field.tos] ?? 0;
  const fragment = view.getUint16(ip + ipv4Field.fragment);
  const ttl = bytes[ip + ipv4Field.ttl] ?? 0;
  const checksum = view.getUint16(ip + ipv4Field.checksum);
  bytes[ip + ipv4Field.tos] = 0;
  view.setUint16(ip + ipv4Field.fragment, 0);
  bytes[ip + ipv4Field.ttl] = 0;
  view.setUint16(ip + ipv4Field.checksum, 0);
  sign();
  bytes[ip + ipv4Field.tos] = tos;
  view.setUint16(ip + ipv4Field.fragment, fragment);
  bytes[ip + ipv4Field.ttl] = ttl;
  view.setUint16(ip + ipv4Field.checksum, checksum);
}

/** Section 3.3.3.1.2.1: traffic class, flow label and hop limit. */
function withoutMutable6({ bytes, view }: Frame, ip: number, sign: () => void): void {
  const versionClassFlow = view.getUint32(ip + ipv6Field.versionClassFlow);
  const hopLimit = bytes[ip + ipv6Field.hopLimit] ?? 0;
  view.setUint32(ip + ipv6Field.versionClassFlow, 0x6000_0000);
  bytes[ip + ipv6Field.hopLimit] = 0;
  sign();
  view.setUint32(ip + ipv6Field.versionClassFlow, versionClassFlow);
  bytes[ip + ipv6Field.hopLimit] = hopLimit;
}
