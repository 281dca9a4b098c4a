/**
 * Adds the big-endian 16-bit words of `length` bytes at `at` to a running ones' complement sum (RFC 1071); an odd last
 * byte is padded with zero. The sum is not folded: exact for more than a hundred gigabytes.
 */
export function sumWords(bytes: DataView, at: number, length: number, start = 0): number {
  let sum = start;
  const end = at + length;
  const even = end - (length & 1);
  for (let i = at; i < even; i += 2) sum += bytes.getUint16(i);
  return even < end ? sum + (bytes.getUint8(even) << 8) : sum;
}

/** Folds the carries of a sum into 16 bits, without the complement. */
const fold = (sum: number): number => {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
};

/** The 16-bit checksum of a sum: carries folded in, then complemented (csum_fold). */
export const foldChecksum = (sum: number): number => ~fold(sum) & 0xffff;

/** The Internet checksum of `length` bytes (RFC 1071). 0 over bytes that hold their own right checksum. */
export const checksum = (bytes: DataView, at: number, length: number, start = 0): number =>
  foldChecksum(sumWords(bytes, at, length, start));

/** The checksum after one 16-bit word changed from `from` to `to`: HC' = ~(~HC + ~m + m') (RFC 1624, equation 3). */
export const updateChecksum = (old: number, from: number, to: number): number =>
  foldChecksum((~old & 0xffff) + (~from & 0xffff) + to);
