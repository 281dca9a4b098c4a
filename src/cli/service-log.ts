import { fstatSync } from 'node:fs';
import { type LogEntry, type LogLevel, levelOf } from '../pktgen/log-entry.ts';

/** How the log of the service is written. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Severities of syslog(3), as the journal reads them in front of a line (sd-daemon(3)). */
const SEVERITY: { readonly [L in LogLevel]: number } = { error: 3, warning: 4, info: 6 };

/** A line of the service's log. */
export interface ServiceLine {
  readonly entry: LogEntry;
  /** As the kernel's log would have it; what the daemon says of itself has nothing in front. */
  readonly text: string;
  /** The namespace that it is about, where several are served. */
  readonly netns?: string;
}

/** A line as it is written, without its end. `time`: ms since 1970. */
export function logLine({ entry, text, netns }: ServiceLine, format: LogFormat, time: number): string {
  if (format === 'text') return netns === undefined ? text : `${netns}: ${text}`;
  const { level, event, thread, device, message } = entry;
  return JSON.stringify({ time: new Date(time).toISOString(), level, event, netns, thread, device, message });
}

/** Whether a descriptor leads to the journal, which then has told so (systemd.exec(5)). */
export function leadsToJournal(fd: number, stream = process.env.JOURNAL_STREAM): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** The log of a service, on stdout. */
export class ServiceLog {
  readonly #format: LogFormat;
  readonly #write: (line: string) => void;
  readonly #toJournal: boolean;

  constructor(
    format: LogFormat,
    write: (line: string) => void = (line) => process.stdout.write(line),
    toJournal = leadsToJournal(1),
  ) {
    this.#format = format;
    this.#write = write;
    this.#toJournal = toJournal;
  }

  /** Takes a line of a generator; `netns` where several are served. */
  take(text: string, entry: LogEntry, netns?: string): void {
    const line = logLine({ text, entry, ...(netns !== undefined && { netns }) }, this.#format, Date.now());
    // A text may have several lines; each has its severity.
    const severity = this.#toJournal ? `<${SEVERITY[entry.level]}>` : '';
    this.#write(`${severity}${line.replaceAll('\n', `\n${severity}`)}\n`);
  }

  /** Says something of the daemon itself, perhaps of a namespace that it serves. */
  say(message: string, netns?: string): void {
    this.take(message, { level: levelOf(message), event: 'service', message }, netns);
  }
}
