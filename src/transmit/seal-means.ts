import { randomFillSync } from 'node:crypto';
import { SALT_LEN } from '../ipsec/packet-iv.ts';
import type { SealMeans } from '../template/flow-seals.ts';
import { opensslCrypto } from './openssl-crypto.ts';

/** What sealing the packets of a device takes: OpenSSL, and random bytes of its own. */
export const newSealMeans = (): SealMeans => ({
  crypto: opensslCrypto,
  salt: randomFillSync(new Uint8Array(SALT_LEN)),
  sealed: new Map(),
});
