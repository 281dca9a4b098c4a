/** Size of the drawing table of imix: an index is drawn below it (IMIX_PRECISION). */
export const IMIX_PRECISION = 100;

/**
 * How long packets are: sets the state's curPktSize, from which lengths follow. Walking sizes include max, random ones
 * do not. A fixed size is whatever the state says.
 */
export type SizeRule =
  | { readonly kind: 'fixed' }
  | { readonly kind: 'walk'; readonly min: number; readonly max: number }
  | { readonly kind: 'random'; readonly min: number; readonly max: number }
  | { readonly kind: 'imix'; readonly sizes: readonly number[]; readonly table: readonly number[] };
