/** Bytes of a MAC address (ETH_ALEN). */
export const MAC_LEN = 6;

/** As the kernel prints it (%pM): lower case, with colons. */
export const formatMac = (mac: ArrayLike<number>): string =>
  Array.from({ length: MAC_LEN }, (_, i) => (mac[i] ?? 0).toString(16).padStart(2, '0')).join(':');

/** Reads six pairs of hex digits with colons between; what follows is ignored (mac_pton). Undefined for anything else. */
export function macPton(text: string): Uint8Array | undefined {
  const match = /^([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2})/i.exec(text);
  return match ? Uint8Array.from(match.slice(1), (pair) => Number.parseInt(pair, 16)) : undefined;
}

export const isZeroMac = (mac: ArrayLike<number>): boolean => Array.from(mac).every((byte) => byte === 0);
