/**
 * Throws RangeError when a header field cannot hold `value`: an integer from 0 to `max`. A DataView would cut it
 * silently, and the frame would carry another value than the caller believes.
 */
export function requireRange(field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${field} ${value} is not an integer from 0 to ${max}`);
  }
}

/** Throws RangeError when an address does not have the length of its field. */
export function requireLength(field: string, bytes: ArrayLike<number>, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${field} has ${bytes.length} bytes, not ${length}`);
}
