/**
 * Reads dotted decimals as the kernel's in_aton() does, which checks nothing: characters that are no digits count as
 * what they are away from "0", numbers run over, missing ones are 0. Host order, unsigned.
 */
export function inAton(text: string): number {
  let address = 0;
  let at = 0;
  for (let byte = 0; byte < 4; byte++) {
    address = (address << 8) >>> 0;
    let value = 0;
    if (at >= text.length) continue;
    while (at < text.length && text[at] !== '.' && text[at] !== '\n') {
      // Only the low 32 bits get into the address, so they are all that need be right.
      value = (Math.imul(value, 10) + (text.charCodeAt(at) & 0xff) - 0x30) | 0;
      at++;
    }
    address = (address | value) >>> 0;
    at++;
  }
  return address;
}

/** Dotted decimals of an address in host order (%pI4). */
export const formatIpv4 = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
