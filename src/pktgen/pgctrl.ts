/** What pgctrl shows; the version is the module's own. */
export const VERSION_TEXT = 'Packet Generator for packet performance testing. Version: 2.75\n';

/** The longest write that pgctrl reads. */
const LONGEST = 128;

export type PgctrlCommand = 'start' | 'stop' | 'reset';

/**
 * Reads a command: the word alone, or with a newline or a NUL after it (as since 6.15; before, the last byte was
 * overwritten whatever it was). Undefined for anything else.
 */
export function pgctrlCommand(data: string): PgctrlCommand | undefined {
  if (data.length > LONGEST) return undefined;
  return /^(start|stop|reset)[\n\0]?$/.exec(data)?.[1] as PgctrlCommand | undefined;
}
