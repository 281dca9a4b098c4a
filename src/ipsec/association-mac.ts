import { AUTHS, algorithm } from './algorithm.ts';
import type { Mac } from './seal-crypto.ts';
import { icvLen } from './security-association.ts';
import type { SealContext } from './transform.ts';

/** The code of an association's auth algorithm, as long as its ICV; undefined when nothing is to be computed. */
export function newAssociationMac({ association, crypto }: SealContext): Mac | undefined {
  const { auth } = association;
  const digest = auth && algorithm(AUTHS, auth.name)?.openssl;
  return auth && digest !== undefined ? crypto.mac(digest, auth.key, icvLen(association)) : undefined;
}
