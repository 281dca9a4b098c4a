/** How pktgen reads what is written to its files. Text ends at a NUL, as the kernel sees it. */

/** Characters skipped before a word (count_trail_chars). */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && '"\n\r\t ='.includes(text.charAt(at))) at++;
  return at;
}

/**
 * The word at `from`, of at most `longest` characters (strn_len). Kernels before 6.15 do not end a word at `=`;
 * newer ones do, which makes `name=value` work.
 */
export function word(text: string, from: number, longest: number): string {
  let at = from;
  while (at < text.length && at - from < longest && !'"\0\n\r\t ='.includes(text.charAt(at))) at++;
  return text.slice(from, at);
}

/** The decimal digits at `from`, at most `longest` of them (num_arg); none are 0. */
export function digits(text: string, from: number, longest: number): { value: number; length: number } {
  let at = from;
  while (at < text.length && at - from < longest && text.charAt(at) >= '0' && text.charAt(at) <= '9') at++;
  return { value: Number(text.slice(from, at) || '0'), length: at - from };
}

/**
 * The hex digits at `from` (hex32_arg). The kernel shifts before it sees that a digit is none, so fewer than `longest`
 * digits leave the value shifted up by four bits.
 */
export function hexDigits(text: string, from: number, longest: number): { value: number; length: number } {
  let value = 0;
  let length = 0;
  for (; length < longest; length++) {
    value = (value * 16) % 0x1_0000_0000;
    const digit = '0123456789abcdef'.indexOf(text.charAt(from + length).toLowerCase() || 'x');
    if (digit < 0) break;
    value += digit;
  }
  return { value, length };
}
