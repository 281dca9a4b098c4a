import { formatIpv4 } from './ipv4-address.ts';

/**
 * Reads an IPv6 address as the kernel's in6_pton(src, -1, dst, -1, NULL) does. False for a text that is none, which may
 * have changed `into` all the same: what stood before the bad character counts.
 */
export function in6Pton(text: string, into: Uint8Array): boolean {
  const bytes: number[] = [];
  let gap = -1;
  let at = 0;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
  } else if (text.startsWith(':')) return false;
  for (;;) {
    const group = /^[0-9a-fA-F]{1,4}/.exec(text.slice(at))?.[0];
    if (group === undefined) break;
    const end = at + group.length;
    const next = text[end];
    if (next === '.') {
      const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])/.exec(text.slice(at));
      const parts = v4?.slice(1).map(Number);
      if (!parts || parts.some((part) => part > 255) || bytes.length > 12) return false;
      bytes.push(...parts);
      break;
    }
    if (next !== undefined && /[0-9a-fA-F]/.test(next)) return false;
    if (bytes.length >= 16) return false;
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 255);
    at = end;
    if (next !== ':') break;
    at++;
    if (text[at] === ':') {
      if (gap >= 0) return false;
      gap = bytes.length;
      at++;
    } else if (bytes.length === 16) return false;
  }
  if (gap < 0 ? bytes.length !== 16 : bytes.length > 16) return false;
  const zeros = new Array<number>(16 - bytes.length).fill(0);
  into.set(gap < 0 ? bytes : [...bytes.slice(0, gap), ...zeros, ...bytes.slice(gap)]);
  return true;
}

/** As the kernel prints it (%pI6c): RFC 5952, with the last 32 bits dotted for mapped and ISATAP addresses. */
export function formatIpv6(address: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0));
  const mapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  const isatap = ((words[4] ?? 0) & ~0x0200) === 0 && words[5] === 0x5efe;
  const range = mapped || isatap ? 6 : 8;
  let best = { at: -1, length: 1 };
  for (let at = 0; at < range; at++) {
    let length = 0;
    while (at + length < range && words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  let text = '';
  for (let i = 0; i < range; i++) {
    if (i === best.at) {
      text += '::';
      i += best.length - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += (words[i] ?? 0).toString(16);
  }
  if (range === 8) return text;
  const low = (((words[6] ?? 0) << 16) | (words[7] ?? 0)) >>> 0;
  return `${text}${text.endsWith(':') ? '' : ':'}${formatIpv4(low)}`;
}
