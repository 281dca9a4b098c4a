import { IPV6_ADDRESS_LEN, in6Pton } from '../wire/ipv6-address.ts';
import { AUTHS, algorithm } from './algorithm.ts';
import type {
  AssociationFlag,
  AssociationMode,
  AssociationProtocol,
  Encapsulation,
  SecurityAssociation,
} from './security-association.ts';

/** Something in the text that cannot be read; the message says what to do. */
export class TextFault extends Error {
  override readonly name = 'TextFault';
}

/** An address and the version of IP that it is of. */
export interface Address {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
}

/** What words have said of an association so far. */
export type Draft = {
  -readonly [K in keyof Omit<SecurityAssociation, 'src' | 'dst' | 'family'>]?: SecurityAssociation[K];
} & { src?: Address; dst?: Address; oseqHigh?: number };

/** The words of one line, taken one after the other. */
export interface Words {
  /** The next word, taken; fault: the line ends. */
  take(): string;
  /** The next word, left there; undefined at the end of the line. */
  peek(): string | undefined;
}

type Read = (words: Words, draft: Draft) => void;

/** The value of one that is allowed; fault with all of them else. */
function oneOf<T extends string>(what: string, known: readonly T[]): (text: string) => T {
  return (text) => {
    const found = known.find((name) => name === text);
    if (found === undefined) throw new TextFault(`"${text}" is no ${what}, but ${known.join(', ')}`);
    return found;
  };
}

const PROTOCOLS: readonly AssociationProtocol[] = ['esp', 'ah', 'comp', 'route2', 'hao'];
const MODES: readonly AssociationMode[] = ['transport', 'tunnel', 'ro', 'in_trigger', 'beet', 'iptfs'];
const ENCAPSULATIONS: readonly Encapsulation['type'][] = ['espinudp', 'espinudp-nonike', 'espintcp'];
const FLAGS: readonly AssociationFlag[] = [
  'noecn',
  'decap-dscp',
  'nopmtudisc',
  'wildrecv',
  'icmp',
  'af-unspec',
  'align4',
  'esn',
  'dont-encap-dscp',
  'oseq-may-wrap',
];
const isFlag = (word: string | undefined): word is AssociationFlag => FLAGS.some((flag) => flag === word);

const U32 = 0xffff_ffff;

/** A number as C's strtoul() reads it; the listing has it in two forms, the second in brackets: `0x00001000(4096)`. */
function number(text: string, max = U32): number {
  const shown = text.replace(/\(\w+\)$/, '');
  const value = /^0[0-7]+$/.test(shown) ? Number.parseInt(shown, 8) : /^(0x[\da-f]+|\d+)$/i.test(shown) ? +shown : -1;
  if (value < 0 || value > max) throw new TextFault(`"${text}" is no number from 0 to ${max}`);
  return value;
}

function address(text: string): Address {
  if (text.includes(':')) {
    const bytes = new Uint8Array(IPV6_ADDRESS_LEN);
    if (/^[\da-f:.]+$/i.test(text) && in6Pton(text, bytes)) return { family: 6, bytes };
  } else if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const parts = text.split('.').map(Number);
    if (parts.every((part) => part <= 255)) return { family: 4, bytes: Uint8Array.from(parts) };
  }
  throw new TextFault(`"${text}" is no IPv4 or IPv6 address`);
}

/** Hex digits behind 0x, or the characters themselves; at the end of a line: no key, as the listing shows it. */
function key(words: Words): Uint8Array {
  const text = words.peek() === undefined ? '' : words.take();
  if (text.startsWith('<<')) throw new TextFault('the keys are hidden: list them as root, without nokeys');
  if (!text.startsWith('0x')) return new TextEncoder().encode(text);
  const digits = text.slice(2);
  if (!/^[\da-f]*$/i.test(digits)) throw new TextFault(`"${text}" is no key: after 0x come hex digits only`);
  const pairs = digits.padStart(digits.length + (digits.length % 2), '0').match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

/** `0x1/0xff` of the listing, or `0x1 mask 0xff`. */
function mark(words: Words): { value: number; mask: number } {
  const [value = '', mask] = words.take().split('/');
  if (mask !== undefined) return { value: number(value), mask: number(mask) };
  if (words.peek() !== 'mask') return { value: number(value), mask: U32 };
  words.take();
  return { value: number(value), mask: number(words.take()) };
}

/** `espinudp 4500 4500 0.0.0.0`, or with a name before each of them. */
function encapsulation(words: Words): Encapsulation {
  const named = (name: string): string => {
    if (words.peek() === name) words.take();
    return words.take();
  };
  const type = oneOf('encapsulation', ENCAPSULATIONS)(named('type'));
  const srcPort = number(named('sport'), 0xffff);
  const dstPort = number(named('dport'), 0xffff);
  address(named('addr'));
  return { type, srcPort, dstPort };
}

function authentication(words: Words, truncated: boolean): NonNullable<SecurityAssociation['auth']> {
  const name = words.take();
  const bytes = key(words);
  const truncBits = truncated ? number(words.take()) : (algorithm(AUTHS, name)?.truncBits ?? 0);
  return { name, key: bytes, truncBits };
}

/** Sets a value that may be said once only. */
const once =
  <K extends keyof Draft>(name: K, read: (words: Words) => NonNullable<Draft[K]>): Read =>
  (words, draft) => {
    if (draft[name] !== undefined) throw new TextFault('is there twice: say it once');
    draft[name] = read(words);
  };
/** A word that says nothing of the bytes of packets, with what belongs to it: so many words, or pairs of these names. */
const ignored =
  (count: number): Read =>
  (words) => {
    for (let n = 0; n < count; n++) words.take();
  };
const ignoredPairs =
  (...names: readonly string[]): Read =>
  (words) => {
    for (let word = words.peek(); word !== undefined && names.includes(word); word = words.peek())
      ignored(2)(words, {});
  };
const flags: Read = (words, draft) => {
  for (let word = words.peek(); isFlag(word); word = words.peek()) {
    words.take();
    draft.flags = [...(draft.flags ?? []), word];
  }
};

/** What each word of `ip xfrm state` is followed by. */
export const WORDS: Readonly<Record<string, Read>> = {
  src: once('src', (words) => address(words.take())),
  dst: once('dst', (words) => address(words.take())),
  proto: once('proto', (words) => oneOf('protocol', PROTOCOLS)(words.take())),
  spi: once('spi', (words) => number(words.take())),
  mode: once('mode', (words) => oneOf('mode', MODES)(words.take())),
  reqid: once('reqid', (words) => number(words.take())),
  mark: once('mark', mark),
  if_id: once('ifId', (words) => number(words.take())),
  auth: once('auth', (words) => authentication(words, false)),
  'auth-trunc': once('auth', (words) => authentication(words, true)),
  enc: once('crypt', (words) => ({ name: words.take(), key: key(words) })),
  aead: once('aead', (words) => ({ name: words.take(), key: key(words), icvBits: number(words.take()) })),
  encap: once('encap', encapsulation),
  flag: flags,
  'extra-flag': flags,
  extra_flag: flags,
  'replay-oseq': once('oseq', (words) => number(words.take())),
  'replay-oseq-hi': once('oseqHigh', (words) => number(words.take())),
  'replay-window': ignored(1),
  'replay-seq': ignored(1),
  'replay-seq-hi': ignored(1),
  seq: ignored(1),
  comp: ignored(1),
  coa: ignored(1),
  ctx: ignored(1),
  dir: ignored(1),
  limit: ignored(2),
  'output-mark': (words) => void mark(words),
  sel: ignoredPairs('src', 'dst', 'dev', 'proto', 'sport', 'dport', 'type', 'code', 'key', 'uid'),
  offload: (words) => {
    if (words.peek() === 'crypto' || words.peek() === 'packet') words.take();
    ignoredPairs('dev', 'dir')(words, {});
  },
};
