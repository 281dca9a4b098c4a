const DOT = 0x2e;
const NEWLINE = 0x0a;
const ZERO = 0x30;

/**
 * Reads an IPv4 address as the kernel's in_aton() does: nothing is refused. Four parts that end at a dot or a newline;
 * each character counts as a digit whatever it is, a part above 255 spills into the parts before it, missing parts are
 * 0. Unsigned 32 bits in host order: `10.0.0.1` is 0x0a000001.
 */
export function inAton(text: string): number {
  let address = 0;
  let at = 0;
  for (let part = 0; part < 4; part++) {
    let value = 0;
    let code = charAt(text, at);
    while (code !== 0 && code !== DOT && code !== NEWLINE) {
      value = (Math.imul(value, 10) + code - ZERO) | 0;
      code = charAt(text, ++at);
    }
    address = (address << 8) | value;
    if (code !== 0) at++;
  }
  return address >>> 0;
}

/** A C char: signed as on x86, 0 at the end of the text. */
const charAt = (text: string, at: number): number => (at < text.length ? (text.charCodeAt(at) << 24) >> 24 : 0);

/** Dotted decimal, as the kernel's %pI4 prints it; `address` in host order. */
export const formatIpv4 = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
