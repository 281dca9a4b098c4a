/** How much a line of the log matters. */
export type LogLevel = 'error' | 'warning' | 'info';

/** What a line of the log tells of. */
export type LogEvent =
  /** The module is there. */
  | 'version'
  /** A line that somebody wrote to a control file, mostly why it was refused. */
  | 'command'
  /** A device is set up for a run. */
  | 'setup'
  /** How a device sends, and why so. */
  | 'transmitter'
  /** A run has ended, with this result. The kernel does not tell of it. */
  | 'result'
  /** Packets of a device that was asked for IPsec leave as they are, and why. The kernel does not tell of it. */
  | 'ipsec'
  /** A device was to be stopped or removed. */
  | 'stop'
  /** A thread, from its worker. */
  | 'thread'
  /** A CPU went or came. */
  | 'cpu'
  /** The daemon itself: what it serves, where, and that it reloads or ends. */
  | 'service';

/** Something for the log. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly event: LogEvent;
  readonly message: string;
  /** A device, by its name. */
  readonly device?: string;
  /** A thread, kpktgend_N. */
  readonly thread?: string;
}

/** The level of a line that says it itself, as those of the kernel's module do. */
export const levelOf = (message: string): LogLevel =>
  message.startsWith('ERROR') ? 'error' : message.startsWith('WARNING') ? 'warning' : 'info';
