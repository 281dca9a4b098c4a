const LINE = 16;

const printable = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.');
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/**
 * Offset, sixteen bytes in two groups, and the same as text, one line for each sixteen bytes:
 * `0010  00 2c 00 01 00 00 20 11  00 00 0a 00 00 01 0a 00  |.,.... .........|`. No newline at the end.
 */
export function hexdump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE) {
    const line = bytes.subarray(at, at + LINE);
    const columns = `${hex(line.subarray(0, 8)).padEnd(23)}  ${hex(line.subarray(8)).padEnd(23)}`;
    lines.push(`${at.toString(16).padStart(4, '0')}  ${columns}  |${Array.from(line, printable).join('')}|`);
  }
  return lines.join('\n');
}
