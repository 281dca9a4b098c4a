import { sumWords } from '../wire/checksum.ts';
import { ESP_TRAILER_LEN, espField, espTrailerField } from '../wire/esp.ts';
import { IP_PROTOCOL } from '../wire/ipv4.ts';
import { ipv6Field } from '../wire/ipv6.ts';
import { IPV6_ADDRESS_LEN } from '../wire/ipv6-address.ts';
import { UDP_HEADER_LEN, udpChecksum, udpField } from '../wire/udp.ts';
import { newEspProtect } from './esp-protect.ts';
import { type Encapsulation, espAlignment, icvLen } from './security-association.ts';
import type { Frame, Places, SealContext, Transform } from './transform.ts';

/** ESP (RFC 4303), in UDP where the association says so. */
export function newEspTransform(context: SealContext): Transform {
  const { association, number } = context;
  const { spi, encap, family } = association;
  const alignment = espAlignment(association);
  const icv = icvLen(association);
  const udpLen = encap ? UDP_HEADER_LEN : 0;
  const protect = newEspProtect(context);
  const padLen = (payloadLen: number): number => (alignment - ((payloadLen + ESP_TRAILER_LEN) % alignment)) % alignment;
  return {
    protocol: encap ? IP_PROTOCOL.UDP : IP_PROTOCOL.ESP,
    tailLen: (payloadLen) => padLen(payloadLen) + ESP_TRAILER_LEN + icv,
    write: (frame, places, next) => {
      const { bytes, view } = frame;
      const { start, payload, payloadEnd } = places;
      const pad = padLen(payloadEnd - payload);
      for (let n = 0; n < pad; n++) bytes[payloadEnd + n] = n + 1;
      const trailer = payloadEnd + pad;
      bytes[trailer + espTrailerField.padLen] = pad;
      bytes[trailer + espTrailerField.nextHeader] = next;
      const esp = start + udpLen;
      view.setUint32(esp + espField.spi, spi);
      view.setUint32(esp + espField.seq, number.low);
      protect(frame, esp, trailer + ESP_TRAILER_LEN);
      if (encap) writeUdp(frame, places, encap, family);
    },
  };
}

/** RFC 3948, section 2.1: the checksum is 0, but for IPv6, which wants one. */
function writeUdp({ view }: Frame, { ip, start, end }: Places, { srcPort, dstPort }: Encapsulation, family: 4 | 6) {
  const length = end - start;
  view.setUint16(start + udpField.srcPort, srcPort);
  view.setUint16(start + udpField.dstPort, dstPort);
  view.setUint16(start + udpField.length, length);
  const addresses = (): number => sumWords(view, ip + ipv6Field.src, 2 * IPV6_ADDRESS_LEN, IP_PROTOCOL.UDP + length);
  view.setUint16(start + udpField.checksum, family === 4 ? 0 : udpChecksum(view, start, length, addresses()));
}
