/**
 * The cryptography that sealing needs, as arguments because this folder computes none itself. Names are OpenSSL's; what
 * is made here belongs to one association and is used for one packet after the other.
 */
export interface SealCrypto {
  /** An HMAC of which `length` bytes are written. */
  readonly mac: (digest: string, key: Uint8Array, length: number) => Mac;
  readonly cipher: (name: string, key: Uint8Array) => Encrypt;
  /** `icvLen`: bytes of the integrity check value. */
  readonly aead: (name: string, key: Uint8Array, icvLen: number) => EncryptAndSign;
}

/** Writes the code of the bytes in [from, to) at `at`, which may lie inside of them or behind. */
export type Mac = (bytes: Uint8Array, from: number, to: number, at: number) => void;

/** Encrypts the bytes in [from, to) in place: whole blocks, where the cipher has blocks. `iv`: a block, not kept. */
export type Encrypt = (bytes: Uint8Array, from: number, to: number, iv: Uint8Array) => void;

/** Encrypts the bytes in [from, to) in place and writes the integrity check value of these and `aad` at `to`. */
export type EncryptAndSign = (bytes: Uint8Array, from: number, to: number, nonce: Uint8Array, aad: Uint8Array) => void;
