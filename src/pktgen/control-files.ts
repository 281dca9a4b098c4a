/** Who writes: what the kernel would ask of `current`. */
export interface Writer {
  /** Has CAP_NET_ADMIN. */
  readonly capable: boolean;
  /** Aborted when the writer got a signal or went away. */
  readonly signal: AbortSignal;
}

/** The control files, however they are served. Texts are latin-1: one character a byte. */
export interface ControlFiles {
  /** Names of the files as of now: pgctrl, kpktgend_N, devices. */
  list(): readonly string[];
  /** The text of a file; undefined when there is no such file (any more). */
  read(file: string): string | undefined;
  /** What write(2) returns: bytes taken, or a negative errno. */
  write(file: string, data: string, writer: Writer): Promise<number>;
  /** Another number when a file of this name is another one (its device was removed and added again); undefined: no such file. */
  identity(file: string): number | undefined;
}
