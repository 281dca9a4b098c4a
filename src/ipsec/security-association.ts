import { AH_HEADER_LEN } from '../wire/ah.ts';
import { ESP_HEADER_LEN, ESP_TRAILER_LEN } from '../wire/esp.ts';
import { IPV4_HEADER_LEN } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN } from '../wire/ipv6.ts';
import { UDP_HEADER_LEN } from '../wire/udp.ts';
import { AEADS, AUTHS, algorithm, CIPHERS } from './algorithm.ts';

/** The protocols and modes that the kernel's table of states can hold, in the words of `ip xfrm state`. */
export type AssociationProtocol = 'esp' | 'ah' | 'comp' | 'route2' | 'hao';
export type AssociationMode = 'transport' | 'tunnel' | 'ro' | 'in_trigger' | 'beet' | 'iptfs';
/** Flags in the words of `ip xfrm state` (XFRM_STATE_*, and the extra flags XFRM_SA_XFLAG_*). */
export type AssociationFlag =
  | 'noecn'
  | 'decap-dscp'
  | 'nopmtudisc'
  | 'wildrecv'
  | 'icmp'
  | 'af-unspec'
  | 'align4'
  | 'esn'
  | 'dont-encap-dscp'
  | 'oseq-may-wrap';

/** UDP around ESP; of these types only espinudp can be sent here. */
export interface Encapsulation {
  readonly type: 'espinudp' | 'espinudp-nonike' | 'espintcp';
  readonly srcPort: number;
  readonly dstPort: number;
}

/** A security association (the kernel's struct xfrm_state), as plain data that can be posted to a worker. */
export interface SecurityAssociation {
  /** Of its addresses, which are those of the outer header in tunnel mode: 4 or 16 bytes, all zero for any. */
  readonly family: 4 | 6;
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  readonly proto: AssociationProtocol;
  readonly spi: number;
  readonly mode: AssociationMode;
  readonly reqid: number;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly ifId: number;
  readonly flags: readonly AssociationFlag[];
  /** Algorithms by the kernel's names. */
  readonly auth?: { readonly name: string; readonly key: Uint8Array; readonly truncBits: number };
  readonly crypt?: { readonly name: string; readonly key: Uint8Array };
  /** The key ends in its salt. */
  readonly aead?: { readonly name: string; readonly key: Uint8Array; readonly icvBits: number };
  readonly encap?: Encapsulation;
  /** The last sequence number that was sent: 32 bits, with the flag esn as many as a number holds. */
  readonly oseq: number;
}

/** Bytes of the ICV that is sent. */
export const icvLen = ({ auth, aead }: SecurityAssociation): number =>
  aead ? aead.icvBits / 8 : auth && algorithm(AUTHS, auth.name)?.openssl !== undefined ? auth.truncBits / 8 : 0;

/** Bytes of the IV in each packet, of an association that is usable. */
export const ivLen = ({ crypt, aead }: SecurityAssociation): number =>
  (aead ? algorithm(AEADS, aead.name)?.ivLen : crypt && algorithm(CIPHERS, crypt.name)?.ivLen) ?? 0;

/** What payload and trailer of ESP are padded to a multiple of, bytes. */
export const espAlignment = ({ crypt }: SecurityAssociation): number =>
  Math.max(4, (crypt && algorithm(CIPHERS, crypt.name)?.blockLen) ?? 0);

/** Bytes of an authentication header with its ICV and padding. */
export function ahLen(association: SecurityAssociation): number {
  const unit = association.family === 4 && association.flags.includes('align4') ? 4 : 8;
  return Math.ceil((AH_HEADER_LEN + icvLen(association)) / unit) * unit;
}

/** Bytes of the IP header that tunnel mode puts before a packet; 0 in transport mode. */
export const outerHeaderLen = ({ mode, family }: SecurityAssociation): number =>
  mode !== 'tunnel' ? 0 : family === 4 ? IPV4_HEADER_LEN : IPV6_HEADER_LEN;

/**
 * Bytes that a usable association puts before a packet's payload: the kernel's props.header_len, by which its pktgen
 * makes packets shorter.
 */
export function headerLen(association: SecurityAssociation): number {
  const outer = outerHeaderLen(association);
  if (association.proto === 'ah') return outer + ahLen(association);
  return outer + (association.encap ? UDP_HEADER_LEN : 0) + ESP_HEADER_LEN + ivLen(association);
}

/** The most bytes behind the payload that sealing takes besides `headerLen`: padding, trailer, ICV. */
export function mostGrowth(association: SecurityAssociation): number {
  // The high half of a sequence number stands there while the code of an AH packet is computed.
  if (association.proto === 'ah') return association.flags.includes('esn') ? 4 : 0;
  return espAlignment(association) - 1 + ESP_TRAILER_LEN + icvLen(association);
}

/** Why packets cannot be sealed with this association, and what could be; undefined when they can. */
export function unusable(association: SecurityAssociation): string | undefined {
  const { proto, mode, encap } = association;
  if (mode !== 'transport' && mode !== 'tunnel') return `mode ${mode} is not possible, but transport and tunnel are`;
  if (proto === 'ah') return encap ? 'AH inside of UDP is not possible, but ESP is' : unusableAh(association);
  if (proto !== 'esp') return `protocol ${proto} is not possible, but esp and ah are`;
  if (encap && encap.type !== 'espinudp') return `encapsulation ${encap.type} is not possible, but espinudp is`;
  return unusableEsp(association);
}

function unusableAh({ auth, crypt, aead, flags }: SecurityAssociation): string | undefined {
  if (crypt || aead) return 'AH does not encrypt: it takes an auth algorithm only';
  return auth ? unusableAuth(auth, flags) : 'AH needs an auth algorithm';
}

function unusableEsp({ auth, crypt, aead, flags }: SecurityAssociation): string | undefined {
  if (aead) return crypt || auth ? 'an aead algorithm takes no enc or auth beside it' : unusableAead(aead);
  if (!crypt) return 'ESP needs an enc or aead algorithm: enc "ecb(cipher_null)" "" encrypts nothing';
  const row = algorithm(CIPHERS, crypt.name);
  if (!row) return unknown('enc', crypt.name, CIPHERS);
  return unusableKey('enc', crypt, row.openssl) ?? (auth && unusableAuth(auth, flags));
}

function unusableAead(aead: NonNullable<SecurityAssociation['aead']>): string | undefined {
  const row = algorithm(AEADS, aead.name);
  if (!row) return unknown('aead', aead.name, AEADS);
  if (!row.icvBits.includes(aead.icvBits))
    return `aead ${aead.name} has no ICV of ${aead.icvBits} bits, but of ${listed(row.icvBits)}`;
  return unusableKey('aead', aead, row.openssl);
}

function unusableAuth(
  { name, truncBits }: NonNullable<SecurityAssociation['auth']>,
  flags: readonly AssociationFlag[],
): string | undefined {
  const row = algorithm(AUTHS, name);
  if (!row) return unknown('auth', name, AUTHS);
  if (row.openssl === undefined) return undefined;
  // With a 64-bit sequence number the kernel wants room for its high half (authencesn).
  const least = flags.includes('esn') ? 32 : 8;
  if (truncBits % 8 === 0 && truncBits >= least && truncBits <= row.fullBits) return undefined;
  return `auth ${name} cannot be truncated to ${truncBits} bits, but to ${least}, ${least + 8} … ${row.fullBits}`;
}

/** Keys of any length go into an HMAC; a cipher wants its own. */
function unusableKey(
  kind: string,
  { name, key }: { readonly name: string; readonly key: Uint8Array },
  openssl: Readonly<Record<number, string>>,
): string | undefined {
  if (openssl[key.length] !== undefined) return undefined;
  const lengths = Object.keys(openssl).map((length) => Number(length) * 8);
  return `${kind} ${name} takes no key of ${key.length * 8} bits, but of ${listed(lengths)}`;
}

const unknown = (kind: string, name: string, table: object): string =>
  `${kind} ${name} is not possible, but ${listed(Object.keys(table))}`;

/** `a`, `a or b`, `a, b or c`. */
const listed = (items: readonly (string | number)[]): string =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`;
