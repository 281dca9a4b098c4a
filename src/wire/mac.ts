/** Bytes of an Ethernet address (ETH_ALEN). */
export const MAC_LEN = 6;

/** `xx:xx:xx:xx:xx:xx`, lower case, as the kernel's %pM prints it. Reads the first six bytes; missing ones are 0. */
export const formatMac = (mac: ArrayLike<number>): string =>
  Array.from({ length: MAC_LEN }, (_, i) => ((mac[i] ?? 0) & 0xff).toString(16).padStart(2, '0')).join(':');

const PATTERN = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}/i;

/**
 * Six pairs of hex digits with colons between them, as the kernel's mac_pton() reads them: what follows is ignored.
 * Undefined for any other text.
 */
export function macPton(text: string): Uint8Array | undefined {
  const found = PATTERN.exec(text);
  return found ? Uint8Array.from(found[0].split(':'), (pair) => Number.parseInt(pair, 16)) : undefined;
}

/** Whether all six bytes are 0 (is_zero_ether_addr). */
export const isZeroMac = (mac: ArrayLike<number>): boolean => {
  for (let i = 0; i < MAC_LEN; i++) if ((mac[i] ?? 0) !== 0) return false;
  return true;
};
