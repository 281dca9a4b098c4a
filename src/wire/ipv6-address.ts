import { formatIpv4 } from './ipv4-address.ts';

/** Bytes of an IPv6 address. */
export const IPV6_ADDRESS_LEN = 16;

/** What a character may be, and what may come next (IN6PTON_* of net/core/utils.c). */
const HEX = 0x01;
const DIGIT = 0x02;
/** A colon that ends a word, the second colon of `::`, a colon that may begin `::`. */
const COLON = 0x04;
const SECOND_COLON = 0x08;
const MAYBE_DOUBLE = 0x10;
const ANY_COLON = COLON | SECOND_COLON | MAYBE_DOUBLE;
const DOT = 0x20;
const END = 0x40;
/** Nothing was read for a word, so none is to be stored. */
const EMPTY = 0x80;

/** Anything that is no hex digit, colon or dot ends the address: what in6_pton() does without a delimiter. */
function classOf(char: string | undefined): number {
  if (char === ':') return ANY_COLON;
  if (char === '.') return DOT;
  if (char !== undefined && char >= '0' && char <= '9') return HEX | DIGIT;
  return char !== undefined && /^[a-f]$/i.test(char) ? HEX : END;
}

/**
 * Reads an IPv6 address as the kernel's in6_pton(src, -1, dst, -1, NULL) does. The first character that cannot belong
 * to an address ends it (`fd00::g` is `fd00::`). False for a bad text, which leaves `into` as it was.
 */
export function in6Pton(text: string, into: Uint8Array): boolean {
  const words: number[] = [];
  let gap: number | undefined;
  let expected = MAYBE_DOUBLE | HEX | EMPTY;
  let word = 0;
  let wordStart = 0;
  for (let at = 0; ; at++) {
    const is = classOf(text[at]);
    if ((is & expected) === 0) return false;
    if (is & (END | ANY_COLON)) {
      if ((expected & EMPTY) === 0) words.push(word);
      word = 0;
      if (is & END) break;
      wordStart = at + 1;
      const colon = expected & ANY_COLON;
      if (colon === SECOND_COLON) {
        gap = words.length;
        expected = gap < 8 ? HEX | END : END | EMPTY;
      } else if (colon === COLON) expected = HEX;
      else expected = colon & COLON ? HEX | SECOND_COLON : SECOND_COLON;
      continue;
    }
    if (is & DOT) {
      const tail = in4Pton(text, wordStart);
      if (tail === undefined) return false;
      words.push(tail >>> 16, tail & 0xffff);
      break;
    }
    word = (word << 4) | Number.parseInt(text[at] ?? '', 16);
    expected = afterDigit(word, words.length, gap);
  }
  store(words, gap, into);
  return true;
}

/** What may follow a hex digit: `words` are complete, `word` is being read. */
function afterDigit(word: number, words: number, gap: number | undefined): number {
  const last = words === 7;
  let next = word & 0xf000 ? 0 : HEX;
  if (!last) next |= COLON;
  if (gap === undefined && !last) next |= MAYBE_DOUBLE;
  else next |= END;
  if (words === 6 || (gap !== undefined && words < 6)) next |= DOT;
  return next;
}

/** Dotted decimal at the end of an IPv6 address (in4_pton): four parts of at most 255; undefined for a bad one. */
function in4Pton(text: string, from: number): number | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?![.0-9a-f])/i.exec(text.slice(from));
  const parts = found?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) ? parts.reduce((all, part) => all * 256 + part, 0) : undefined;
}

/** Writes the words, with zeros at the gap. */
function store(words: readonly number[], gap: number | undefined, into: Uint8Array): void {
  const head = gap === undefined ? words : words.slice(0, gap);
  const tail = gap === undefined ? [] : words.slice(gap);
  into.fill(0, 0, IPV6_ADDRESS_LEN);
  const put = (word: number, index: number): void => {
    into[2 * index] = word >>> 8;
    into[2 * index + 1] = word & 0xff;
  };
  head.forEach(put);
  tail.forEach((word, i) => {
    put(word, 8 - tail.length + i);
  });
}

/**
 * The kernel's %pI6c (ip6_compressed_string): the longest run of two or more zero words becomes `::`, IPv4-mapped
 * (`::ffff:10.0.0.1`) and ISATAP addresses (`…:5efe:1.2.3.4`) end in dotted decimal.
 */
export function formatIpv6(address: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0));
  const endsInIpv4 = isV4Mapped(words) || isIsatap(words);
  const shown = endsInIpv4 ? words.slice(0, 6) : words;
  const texts = shown.map((word) => word.toString(16));
  if (endsInIpv4) texts.push(formatIpv4(((words[6] ?? 0) << 16) | (words[7] ?? 0)));
  const { at, length } = longestZeroRun(shown);
  if (length < 2) return texts.join(':');
  return `${texts.slice(0, at).join(':')}::${texts.slice(at + length).join(':')}`;
}

const isV4Mapped = (words: readonly number[]): boolean =>
  words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;

/** The interface identifier of RFC 5214: 0000:5efe or 0200:5efe before the IPv4 address. */
const isIsatap = (words: readonly number[]): boolean => ((words[4] ?? 0) | 0x0200) === 0x0200 && words[5] === 0x5efe;

/** The first of the longest runs of zero words. */
function longestZeroRun(words: readonly number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 };
  let start = 0;
  words.forEach((word, i) => {
    if (word !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { at: start, length: i + 1 - start };
  });
  return best;
}
