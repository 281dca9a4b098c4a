/** How a packet gets its IV (the kernel's geniv). */
export type IvRule =
  /** There is none. */
  | 'none'
  /** A block of zeros before the payload is encrypted with it (echainiv): what comes out is the IV. */
  | 'chained'
  /** The sequence number, with random bits of the association (seqiv). */
  | 'sequence';

/** A cipher that needs an integrity algorithm beside it. Key lengths in bytes. */
export interface CipherAlgorithm {
  /** OpenSSL's names by key length; empty: nothing is encrypted. */
  readonly openssl: Readonly<Record<number, string>>;
  /** Bytes at the end of the key that go into the IV instead (RFC 3686). */
  readonly nonceLen: number;
  readonly blockLen: number;
  readonly ivLen: number;
  readonly iv: IvRule;
}

/** An integrity algorithm. */
export interface AuthAlgorithm {
  /** OpenSSL's name of the digest; absent: nothing is computed. */
  readonly openssl?: string;
  /** Bits of the whole code, and of what is sent where nobody says otherwise. */
  readonly fullBits: number;
  readonly truncBits: number;
}

/** A cipher with an integrity check of its own. */
export interface AeadAlgorithm {
  readonly openssl: Readonly<Record<number, string>>;
  /** Bytes at the end of the key that go into the nonce instead: the salt. */
  readonly saltLen: number;
  readonly ivLen: number;
  readonly icvBits: readonly number[];
}

const AES = (mode: string, extra = 0): Record<number, string> =>
  Object.fromEntries([16, 24, 32].map((length) => [length + extra, `aes-${length * 8}-${mode}`]));

/** By the kernel's name, as `ip xfrm state` shows it (net/xfrm/xfrm_algo.c). Key lengths include nonce and salt. */
export const CIPHERS: Readonly<Record<string, CipherAlgorithm>> = {
  'ecb(cipher_null)': { openssl: { 0: '' }, nonceLen: 0, blockLen: 1, ivLen: 0, iv: 'none' },
  'cbc(aes)': { openssl: AES('cbc'), nonceLen: 0, blockLen: 16, ivLen: 16, iv: 'chained' },
  'cbc(des3_ede)': { openssl: { 24: 'des-ede3-cbc' }, nonceLen: 0, blockLen: 8, ivLen: 8, iv: 'chained' },
  'rfc3686(ctr(aes))': { openssl: AES('ctr', 4), nonceLen: 4, blockLen: 1, ivLen: 8, iv: 'sequence' },
};

export const AUTHS: Readonly<Record<string, AuthAlgorithm>> = {
  digest_null: { fullBits: 0, truncBits: 0 },
  'hmac(md5)': { openssl: 'md5', fullBits: 128, truncBits: 96 },
  'hmac(sha1)': { openssl: 'sha1', fullBits: 160, truncBits: 96 },
  // RFC 4868 wants 128; the kernel keeps to 96 unless auth-trunc says so.
  'hmac(sha256)': { openssl: 'sha256', fullBits: 256, truncBits: 96 },
  'hmac(sha384)': { openssl: 'sha384', fullBits: 384, truncBits: 192 },
  'hmac(sha512)': { openssl: 'sha512', fullBits: 512, truncBits: 256 },
};

export const AEADS: Readonly<Record<string, AeadAlgorithm>> = {
  'rfc4106(gcm(aes))': { openssl: AES('gcm', 4), saltLen: 4, ivLen: 8, icvBits: [64, 96, 128] },
};

/** Other names that the kernel takes for the same. */
const ALIASES: Readonly<Record<string, string>> = {
  cipher_null: 'ecb(cipher_null)',
  aes: 'cbc(aes)',
  des3_ede: 'cbc(des3_ede)',
  md5: 'hmac(md5)',
  sha1: 'hmac(sha1)',
  sha256: 'hmac(sha256)',
  sha384: 'hmac(sha384)',
  sha512: 'hmac(sha512)',
};

/** The row of an algorithm, by the kernel's name or one of its aliases; undefined: not one of these. */
export function algorithm<A>(table: Readonly<Record<string, A>>, name: string): A | undefined {
  const key = ALIASES[name] ?? name;
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
