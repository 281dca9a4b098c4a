import { ESP_HEADER_LEN } from '../wire/esp.ts';
import { AEADS, algorithm, CIPHERS } from './algorithm.ts';
import { newAssociationMac } from './association-mac.ts';
import { newChainedIv, newSequenceIv } from './packet-iv.ts';
import { icvLen, type SecurityAssociation } from './security-association.ts';
import type { Frame, SealContext } from './transform.ts';

/**
 * Writes the IV behind the ESP header at `esp`, encrypts what follows it up to `end`, and writes the ICV at `end`. The
 * header is complete.
 */
export type EspProtect = (frame: Frame, esp: number, end: number) => void;

/** Encryption and integrity check of an association. */
export const newEspProtect = (context: SealContext): EspProtect =>
  context.association.aead ? aeadProtect(context, context.association.aead) : separateProtect(context);

/** A cipher, then a code over header, IV and what was encrypted (Encrypt-then-MAC). */
function separateProtect(context: SealContext): EspProtect {
  const encrypt = newEncrypt(context);
  const sign = newEspMac(context);
  return (frame, esp, end) => {
    encrypt(frame, esp, end);
    sign(frame, esp, end);
  };
}

const nothing: EspProtect = () => {};

function newEncrypt({ association, crypto, number, salt }: SealContext): EspProtect {
  const { name, key } = required(association.crypt);
  const row = required(algorithm(CIPHERS, name));
  const openssl = row.openssl[key.length];
  if (!openssl) return nothing;
  const secret = key.subarray(0, key.length - row.nonceLen);
  const encrypt = crypto.cipher(openssl, secret);
  if (row.iv === 'chained') {
    const newBlock = newChainedIv(number, salt, row.ivLen);
    return ({ bytes }, esp, end) => {
      const iv = esp + ESP_HEADER_LEN;
      bytes.fill(0, iv, iv + row.ivLen);
      encrypt(bytes, iv, end, newBlock());
    };
  }
  // RFC 3686, section 4: nonce, IV, and a count of blocks that begins at 1.
  const counter = new Uint8Array(16);
  counter.set(key.subarray(secret.length));
  counter[15] = 1;
  const writeIv = newSequenceIv(number, salt);
  return ({ bytes, view }, esp, end) => {
    const iv = esp + ESP_HEADER_LEN;
    writeIv(view, iv);
    copy(bytes, iv, row.ivLen, counter, row.nonceLen);
    encrypt(bytes, iv + row.ivLen, end, counter);
  };
}

/** AES-GCM (RFC 4106): the high half of a 64-bit number stands in what is signed, though it is not sent. */
function aeadProtect(
  { association, crypto, number, salt }: SealContext,
  { name, key }: NonNullable<SecurityAssociation['aead']>,
): EspProtect {
  const row = required(algorithm(AEADS, name));
  const secret = key.subarray(0, key.length - row.saltLen);
  const encrypt = crypto.aead(required(row.openssl[key.length]), secret, icvLen(association));
  const nonce = new Uint8Array(row.saltLen + row.ivLen);
  nonce.set(key.subarray(secret.length));
  const esn = association.flags.includes('esn');
  const aad = new Uint8Array(esn ? ESP_HEADER_LEN + 4 : ESP_HEADER_LEN);
  const signed = new DataView(aad.buffer);
  const writeIv = newSequenceIv(number, salt);
  signed.setUint32(0, association.spi);
  return ({ bytes, view }, esp, end) => {
    const iv = esp + ESP_HEADER_LEN;
    writeIv(view, iv);
    copy(bytes, iv, row.ivLen, nonce, row.saltLen);
    if (esn) signed.setUint32(4, number.high);
    signed.setUint32(aad.length - 4, number.low);
    encrypt(bytes, iv + row.ivLen, end, nonce, aad);
  };
}

function newEspMac(context: SealContext): EspProtect {
  const mac = newAssociationMac(context);
  if (!mac) return nothing;
  const { number } = context;
  if (!context.association.flags.includes('esn')) return ({ bytes }, esp, end) => mac(bytes, esp, end, end);
  // RFC 4303, section 2.2.1: the high half is signed behind all the rest. The ICV then takes its place.
  return ({ bytes, view }, esp, end) => {
    view.setUint32(end, number.high);
    mac(bytes, esp, end + 4, end);
  };
}

/** Some bytes only: this is faster than a view of them. */
function copy(from: Uint8Array, at: number, length: number, to: Uint8Array, toAt: number): void {
  for (let n = 0; n < length; n++) to[toAt + n] = from[at + n] ?? 0;
}

/** What an association that is usable has. */
function required<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError('this association is not usable');
  return value;
}
