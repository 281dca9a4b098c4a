import { checksum } from '../wire/checksum.ts';
import { ETHERTYPE } from '../wire/ethernet.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { newAhTransform } from './ah-transform.ts';
import { newEspTransform } from './esp-transform.ts';
import { newOuterHeader } from './outer-header.ts';
import type { SealCrypto } from './seal-crypto.ts';
import { headerLen, outerHeaderLen, type SecurityAssociation, unusable } from './security-association.ts';
import type { Frame } from './transform.ts';

/** How a sealer differs from the kernel's pktgen, and its chance. */
export interface SealOptions {
  /**
   * Packets carry sequence numbers that count on from the association's. Otherwise they carry 0, all of them, as those
   * of the kernel's pktgen do, and with it one IV.
   */
  readonly sequence: boolean;
  /** Random bytes for IVs: SALT_LEN. */
  readonly salt: Uint8Array;
}

/** Puts the packets of one association into ESP or AH. */
export interface Sealer {
  /**
   * Seals the frame of `length` bytes at `at`, in place, and returns its new length, at most `headerLen` and
   * `mostGrowth` of the association more. Its IP header, without options, lies `l3` bytes from its start; its packet
   * ends where the frame ends. RangeError when there is no room.
   */
  readonly seal: (bytes: Uint8Array, at: number, length: number, l3: number) => number;
}

/** What differs between the versions of IP. */
const IP = {
  4: { headerLen: IPV4_HEADER_LEN, protocol: ipv4Field.protocol, inside: IP_PROTOCOL.IPIP, type: ETHERTYPE.IPV4 },
  6: { headerLen: IPV6_HEADER_LEN, protocol: ipv6Field.nextHeader, inside: IP_PROTOCOL.IPV6, type: ETHERTYPE.IPV6 },
} as const;

/** Makes the sealer of an association, which has to be usable: RangeError with the reason else. */
export function newSealer(association: SecurityAssociation, crypto: SealCrypto, options: SealOptions): Sealer {
  const why = unusable(association);
  if (why !== undefined) throw new RangeError(why);
  const number = newSequenceNumber(association);
  const context = { association, crypto, number, salt: options.salt };
  const transform = association.proto === 'ah' ? newAhTransform(context) : newEspTransform(context);
  const writeOuter = association.mode === 'tunnel' ? newOuterHeader(association) : undefined;
  const outerLen = outerHeaderLen(association);
  const shift = headerLen(association);
  let frame: Frame = frameOf(new Uint8Array(0));

  const seal: Sealer['seal'] = (bytes, at, length, l3) => {
    if (frame.bytes !== bytes) frame = frameOf(bytes);
    if (options.sequence) number.advance();
    const ip = at + l3;
    const inner = (bytes[ip] ?? 0) >>> 4 === 4 ? IP[4] : IP[6];
    const from = writeOuter ? ip : ip + inner.headerLen;
    const next = writeOuter ? inner.inside : (bytes[ip + inner.protocol] ?? 0);
    const payload = from + shift;
    const payloadEnd = at + length + shift;
    const end = payloadEnd + transform.tailLen(payloadEnd - payload);
    if (end > bytes.length) throw new RangeError(`no room for a sealed frame of ${end - at} bytes`);
    bytes.copyWithin(payload, from, at + length);
    writeOuter?.(frame, ip, payload);
    const family = writeOuter ? association.family : inner === IP[4] ? 4 : 6;
    finishIp(frame, family, ip, end, transform.protocol);
    if (IP[family] !== inner) changeType(frame, ip, inner.type, IP[family].type);
    transform.write(frame, { ip, start: from + outerLen, payload, payloadEnd, end }, next);
    return end - at;
  };
  return { seal };
}

const frameOf = (bytes: Uint8Array): Frame => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
});

/** Writes what depends on what follows the IP header. */
function finishIp({ bytes, view }: Frame, family: 4 | 6, ip: number, end: number, protocol: number): void {
  bytes[ip + IP[family].protocol] = protocol;
  if (family === 6) {
    view.setUint16(ip + ipv6Field.payloadLength, end - ip - IPV6_HEADER_LEN);
    return;
  }
  view.setUint16(ip + ipv4Field.totalLength, end - ip);
  view.setUint16(ip + ipv4Field.checksum, 0);
  view.setUint16(ip + ipv4Field.checksum, checksum(view, ip, IPV4_HEADER_LEN));
}

/** Behind MPLS labels nothing says which IP follows. No last label looks like a type of IP, so the look is safe. */
function changeType({ view }: Frame, ip: number, from: number, to: number): void {
  if (view.getUint16(ip - 2) === from) view.setUint16(ip - 2, to);
}

/** Begins with 0; `advance` goes on from what the association has sent. */
function newSequenceNumber({ oseq, flags }: SecurityAssociation) {
  const esn = flags.includes('esn');
  let last = oseq;
  const number = { high: 0, low: 0, advance };
  return number;

  function advance(): void {
    last++;
    number.low = last >>> 0;
    if (esn) number.high = Math.floor(last / 2 ** 32);
  }
}
