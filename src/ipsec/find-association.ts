import type { SecurityAssociation } from './security-association.ts';

/** Addresses of a flow, as they stand in its packets. */
export interface FlowAddresses {
  readonly family: 4 | 6;
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
}

/**
 * The association that pktgen takes for a flow; undefined: its packets leave as they are. With an spi (host order, not
 * 0) the first of that spi and family, whatever it is for (xfrm_state_lookup_byspi); without, the first that transport
 * mode ESP to the destination would take (xfrm_stateonly_find). First means: in the order of `ip xfrm state`, which
 * has the newest first.
 */
export function findAssociation(
  associations: readonly SecurityAssociation[],
  flow: FlowAddresses,
  spi: number,
): SecurityAssociation | undefined {
  return candidates(associations, flow.family, spi).find((one) => spi !== 0 || fits(one, flow));
}

/** Of these associations, those that packets of a family may get, with that spi or without one (0). */
export const candidates = (
  associations: readonly SecurityAssociation[],
  family: 4 | 6,
  spi: number,
): SecurityAssociation[] =>
  associations.filter((one) => one.family === family && (spi === 0 ? isPlain(one) : one.spi === spi));

/** Found by a packet of no policy, mark or interface. */
const isPlain = ({ mode, proto, reqid, mark, ifId, flags }: SecurityAssociation): boolean =>
  mode === 'transport' &&
  proto === 'esp' &&
  reqid === 0 &&
  (mark?.value ?? 0) === 0 &&
  ifId === 0 &&
  !flags.includes('wildrecv');

const fits = ({ src, dst }: SecurityAssociation, flow: FlowAddresses): boolean =>
  same(dst, flow.dst) && (same(src, flow.src) || isAny(src) || isAny(flow.src));

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);
const isAny = (address: Uint8Array): boolean => address.every((byte) => byte === 0);
