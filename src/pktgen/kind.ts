import { formatIpv6, in6Pton } from '../wire/ipv6-address.ts';
import { formatMac, macPton } from '../wire/mac.ts';
import { digits, hexDigits, word } from './scan.ts';

/** How a value is read, shown, and described to a machine. */
export interface Kind<T> {
  /** What people write: `N`, `ADDRESS`. */
  readonly placeholder: string;
  /** Reads the value at `from`; undefined when there is none. `previous` is what a text that is no value leaves in place. */
  parse(text: string, from: number, previous: T): T | undefined;
  /** What is stored: a number loses the bits that its C type does not have. */
  store?(value: T): T;
  /** Shows it as the kernel does after `OK: name=`. */
  format(value: T): string;
  /** JSON schema. */
  readonly schema: object;
}

/** The C type a number ends up in: what is too large loses its upper bits. */
type CType = 'u64' | 'u32' | 's32' | 'u16';
const TRUNCATE: Record<CType, (value: number) => number> = {
  u64: (value) => value,
  u32: (value) => value >>> 0,
  s32: (value) => value | 0,
  u16: (value) => value & 0xffff,
};

/** An unsigned decimal of at most `longest` digits; what follows is ignored, no digit is 0 (num_arg). */
export const decimal = (longest: number, type: CType, shown: CType = type): Kind<number> => ({
  placeholder: 'N',
  parse: (text, from) => digits(text, from, longest).value,
  store: TRUNCATE[type],
  format: (value) => String(TRUNCATE[shown](value)),
  schema: { type: 'integer', minimum: 0, maximum: 10 ** longest - 1 },
});

/** Exactly two hex digits; undefined for fewer. */
export const hexByte: Kind<number> = {
  placeholder: 'HEX',
  parse: (text, from) => {
    const { value, length } = hexDigits(text, from, 2);
    return length === 2 ? value : undefined;
  },
  format: (value) => `0x${value.toString(16).padStart(2, '0')}`,
  schema: { type: 'integer', minimum: 0, maximum: 255 },
};

/** A word of at most `longest` characters, kept as it was written: the kernel does not look at an IPv4 address. */
export const text = (longest: number, placeholder: string): Kind<string> => ({
  placeholder,
  parse: (line, from) => word(line, from, longest),
  format: (value) => value,
  schema: { type: 'string', maxLength: longest },
});

/** A MAC address with colons; undefined for what is none. */
export const mac: Kind<string> = {
  placeholder: 'MAC',
  parse: (line, from) => {
    const address = macPton(word(line, from, 31));
    return address && formatMac(address);
  },
  format: (value) => value,
  schema: { type: 'string', pattern: '^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$' },
};

/** The 16 bytes of an IPv6 address as the configuration holds it. */
export function ipv6Bytes(address: string): Uint8Array {
  const bytes = new Uint8Array(16);
  in6Pton(address, bytes);
  return bytes;
}

/** An IPv6 address; a text that is none changes as much of the previous address as was read (in6_pton). */
export const ipv6: Kind<string> = {
  placeholder: 'ADDRESS',
  parse: (line, from, previous) => {
    const bytes = ipv6Bytes(previous);
    in6Pton(word(line, from, 127), bytes);
    return formatIpv6(bytes);
  },
  format: (value) => value,
  schema: { type: 'string', format: 'ipv6' },
};

/** One of a few words; undefined for another. */
export const oneOf = <W extends string>(...words: readonly W[]): Kind<W> => ({
  placeholder: words.join('|'),
  parse: (line, from) => words.find((known) => known === word(line, from, 31)),
  format: (value) => value,
  schema: { enum: words },
});
