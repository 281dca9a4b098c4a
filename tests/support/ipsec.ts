import assert from 'node:assert/strict';
import { createDecipheriv, createHmac } from 'node:crypto';
import { AEADS, AUTHS, CIPHERS } from '../../src/ipsec/algorithm.ts';
import type { SecurityAssociation } from '../../src/ipsec/security-association.ts';
import { parseAh } from '../../src/wire/ah.ts';
import { checksum } from '../../src/wire/checksum.ts';
import { parseEsp } from '../../src/wire/esp.ts';
import { ETHERTYPE, emitEthernet } from '../../src/wire/ethernet.ts';
import { emitIpv4, parseIpv4 } from '../../src/wire/ipv4.ts';
import { emitIpv6, parseIpv6 } from '../../src/wire/ipv6.ts';
import { emitPktgen } from '../../src/wire/pktgen-header.ts';
import { emitUdp, parseUdp, pseudoHeaderSum6, udpChecksum } from '../../src/wire/udp.ts';

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Addresses of the packets, by version of IP. */
export const FLOW = {
  4: { src: fromHex('0a090001'), dst: fromHex('0a090002') },
  6: { src: fromHex(`fd00${'00'.repeat(13)}01`), dst: fromHex(`fd00${'00'.repeat(13)}02`) },
} as const;

/** An association of nothing but its addresses, from tunnel gateway to gateway or from host to host. */
export const association = (family: 4 | 6, more: Partial<SecurityAssociation>): SecurityAssociation => ({
  family,
  ...FLOW[family],
  proto: 'esp',
  spi: 0x1000,
  mode: 'transport',
  reqid: 0,
  ifId: 0,
  flags: [],
  oseq: 0,
  ...more,
});

/** A packet of pktgen as it is before IPsec. */
export interface PlainPacket {
  readonly family: 4 | 6;
  readonly seq: number;
  /** Bytes of the UDP payload, a pktgen header and zeros. */
  readonly payloadLen: number;
  /** tos or traffic class. */
  readonly trafficClass?: number;
  readonly fragment?: number;
  /** Between the Ethernet addresses and the type, as hex. */
  readonly tags?: string;
}

/** The frame of such a packet, and where its IP header lies. */
export function plainFrame(packet: PlainPacket): { frame: Uint8Array; l3: number } {
  const { family, seq, payloadLen, trafficClass = 0, fragment = 0, tags = '' } = packet;
  const between = fromHex(tags);
  const l3 = 14 + between.length;
  const l4 = l3 + (family === 4 ? 20 : 40);
  const frame = new Uint8Array(l4 + 8 + payloadLen);
  const view = viewOf(frame);
  const type = family === 4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6;
  emitEthernet(view, 0, { dst: fromHex('020000000002'), src: fromHex('020000000001'), type });
  frame.set(between, 12);
  view.setUint16(l3 - 2, type);
  const length = 8 + payloadLen;
  if (family === 4) {
    const [src, dst] = [viewOf(FLOW[4].src).getUint32(0), viewOf(FLOW[4].dst).getUint32(0)];
    const header = {
      tos: trafficClass,
      totalLength: 20 + length,
      id: (seq - 1) & 0xffff,
      fragment,
      ttl: 32,
      protocol: 17,
    };
    emitIpv4(view, l3, { ...header, src, dst, options: new Uint8Array(0) });
  } else {
    const header = { trafficClass, flowLabel: 0, payloadLength: length, nextHeader: 17, hopLimit: 32 };
    emitIpv6(view, l3, { ...header, ...FLOW[6] });
  }
  emitUdp(view, l4, { srcPort: 9, dstPort: 9, length, checksum: 0 });
  emitPktgen(view, l4 + 8, { seq, sec: 0, usec: 0 });
  return { frame, l3 };
}

/** What a receiver makes of a sealed frame. */
export interface Unsealed {
  /** The frame without IPsec. */
  readonly frame: Uint8Array;
  readonly spi: number;
  readonly seq: number;
  /** The outer header, as it is on the wire. */
  readonly outer: Uint8Array;
  readonly iv: Uint8Array;
}

/**
 * Opens a sealed frame as a receiver does, checking all that it can: lengths, checksums, ICV, padding. Written without
 * a look at the sealer. `high`: the high half of a 64-bit sequence number.
 */
export function unseal(sealed: Uint8Array, l3: number, sa: SecurityAssociation, high = 0): Unsealed {
  const view = viewOf(sealed);
  const outerIs4 = (sealed[l3] ?? 0) >>> 4 === 4;
  const ip4 = outerIs4 ? parseIpv4(view, l3) : undefined;
  const ip6 = outerIs4 ? undefined : parseIpv6(view, l3);
  if (ip4) assert.deepEqual([ip4.totalLength, ip4.checksum], [sealed.length - l3, ip4.rightChecksum]);
  else assert.equal(ip6?.payloadLength, sealed.length - l3 - 40);
  const l4 = l3 + (outerIs4 ? 20 : 40);
  const outer = sealed.slice(l3, l4);
  const protocol = ip4?.protocol ?? ip6?.nextHeader;
  const numberTail = sa.flags.includes('esn') ? Uint8Array.of(high >>> 24, high >>> 16, high >>> 8, high) : [];
  const open = sa.proto === 'ah' ? openAh : openEsp;
  let at = l4;
  if (sa.encap) {
    assert.equal(protocol, 17);
    const udp = parseUdp(view, l4);
    const { srcPort, dstPort } = sa.encap;
    const right = ip6
      ? udpChecksum(view, l4, sealed.length - l4, pseudoHeaderSum6(ip6.src, ip6.dst, sealed.length - l4))
      : 0;
    assert.deepEqual(udp, { srcPort, dstPort, length: sealed.length - l4, checksum: right });
    at += 8;
  } else assert.equal(protocol, sa.proto === 'ah' ? 51 : 50);
  const { payload, next, ...rest } = open(sealed, l3, at, sa, high, Uint8Array.from(numberTail));
  if (sa.mode === 'tunnel') {
    const frame = Buffer.concat([sealed.subarray(0, l3), payload]);
    const innerIs4 = (payload[0] ?? 0) >>> 4 === 4;
    assert.equal(next, innerIs4 ? 4 : 41);
    // Without labels before it, the type says what the outer header is.
    assert.equal(view.getUint16(l3 - 2), outerIs4 ? 0x0800 : 0x86dd);
    frame.writeUInt16BE(innerIs4 ? 0x0800 : 0x86dd, l3 - 2);
    return { frame: Uint8Array.from(frame), outer, ...rest };
  }
  const frame = Uint8Array.from(Buffer.concat([sealed.subarray(0, l4), payload]));
  const restored = viewOf(frame);
  if (outerIs4) {
    frame[l3 + 9] = next;
    restored.setUint16(l3 + 2, frame.length - l3);
    restored.setUint16(l3 + 10, 0);
    restored.setUint16(l3 + 10, checksum(restored, l3, 20));
  } else {
    frame[l3 + 6] = next;
    restored.setUint16(l3 + 4, frame.length - l4);
  }
  return { frame, outer, ...rest };
}

function openAh(
  sealed: Uint8Array,
  l3: number,
  at: number,
  { auth, family, flags }: SecurityAssociation,
  _high: number,
  tail: Uint8Array,
) {
  const header = parseAh(viewOf(sealed), at);
  assert.ok(header && auth);
  const icvLen = AUTHS[auth.name]?.openssl === undefined ? 0 : auth.truncBits / 8;
  const unit = family === 4 && flags.includes('align4') ? 4 : 8;
  assert.equal((12 + header.icv.length) % unit, 0);
  assert.ok(header.icv.length - icvLen < unit);
  assert.ok(header.icv.subarray(icvLen).every((byte) => byte === 0));
  const signed = sealed.slice(l3);
  const mutable = family === 4 ? [1, 6, 7, 8, 10, 11] : [1, 2, 3, 7];
  for (const byte of mutable) signed[byte] = 0;
  if (family === 6) signed[0] = 0x60;
  signed.fill(0, at - l3 + 12, at - l3 + 12 + header.icv.length);
  assert.equal(toHex(header.icv.subarray(0, icvLen)), codeOf(auth, icvLen, signed, tail));
  const { nextHeader: next, spi, seq } = header;
  return { payload: sealed.slice(at + 12 + header.icv.length), next, spi, seq, iv: new Uint8Array(0) };
}

function codeOf(auth: NonNullable<SecurityAssociation['auth']>, length: number, ...data: Uint8Array[]): string {
  const digest = AUTHS[auth.name]?.openssl;
  if (digest === undefined) return '';
  return toHex(createHmac(digest, auth.key).update(Buffer.concat(data)).digest().subarray(0, length));
}

function openEsp(sealed: Uint8Array, _l3: number, at: number, sa: SecurityAssociation, high: number, tail: Uint8Array) {
  const header = parseEsp(viewOf(sealed), at);
  assert.ok(header);
  const [opened, iv] = sa.aead ? openAead(sealed, at, sa.aead, high, tail) : openSeparate(sealed, at, sa, tail);
  const padLen = opened.at(-2) ?? 0;
  const padding = opened.subarray(opened.length - 2 - padLen, -2);
  assert.deepEqual(
    [...padding],
    Array.from({ length: padLen }, (_, i) => i + 1),
  );
  assert.equal(opened.length % 4, 0);
  return { payload: opened.subarray(0, opened.length - 2 - padLen), next: opened.at(-1) ?? 0, ...header, iv };
}

function openAead(
  sealed: Uint8Array,
  at: number,
  { name, key, icvBits }: NonNullable<SecurityAssociation['aead']>,
  high: number,
  tail: Uint8Array,
): [Uint8Array, Uint8Array] {
  const row = AEADS[name];
  const icvLen = icvBits / 8;
  const iv = sealed.slice(at + 8, at + 16);
  const nonce = Buffer.concat([key.subarray(-4), iv]);
  const algorithm = row?.openssl[key.length] as 'aes-128-gcm';
  const decipher = createDecipheriv(algorithm, key.subarray(0, -4), nonce, { authTagLength: icvLen });
  const header = sealed.subarray(at, at + 8);
  const highBytes = tail.length > 0 ? Uint8Array.of(high >>> 24, high >>> 16, high >>> 8, high) : tail;
  decipher.setAAD(Buffer.concat([header.subarray(0, 4), highBytes, header.subarray(4)]));
  decipher.setAuthTag(sealed.subarray(sealed.length - icvLen));
  const opened = decipher.update(sealed.subarray(at + 16, sealed.length - icvLen));
  return [Buffer.concat([opened, decipher.final()]), iv];
}

function openSeparate(
  sealed: Uint8Array,
  at: number,
  { auth, crypt }: SecurityAssociation,
  tail: Uint8Array,
): [Uint8Array, Uint8Array] {
  const icvLen = auth && AUTHS[auth.name]?.openssl !== undefined ? auth.truncBits / 8 : 0;
  const end = sealed.length - icvLen;
  if (auth) assert.equal(toHex(sealed.subarray(end)), codeOf(auth, icvLen, sealed.subarray(at, end), tail));
  assert.ok(crypt);
  const row = CIPHERS[crypt.name];
  const { key } = crypt;
  const bodyAt = at + 8 + (row?.ivLen ?? 0);
  const iv = sealed.slice(at + 8, bodyAt);
  const body = sealed.subarray(bodyAt, end);
  const name = row?.openssl[key.length];
  assert.ok(name !== undefined);
  if (name === '') return [Uint8Array.from(body), iv];
  const decipher =
    row?.iv === 'sequence'
      ? createDecipheriv(name, key.subarray(0, -4), Buffer.concat([key.subarray(-4), iv, Uint8Array.of(0, 0, 0, 1)]))
      : createDecipheriv(name, key, iv).setAutoPadding(false);
  return [Buffer.concat([decipher.update(body), decipher.final()]), iv];
}
