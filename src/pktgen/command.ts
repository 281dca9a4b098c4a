import type { StatePatch } from './engine.ts';
import type { ParamGroup } from './param.ts';
import type { DeviceConfig } from './params.ts';

/** The errno values a command can fail with. EOPNOTSUPP where older kernels give their own ENOTSUPP (524). */
export type CommandErrno = 'EINVAL' | 'E2BIG' | 'EOPNOTSUPP';

/** What a command may look at besides its text. */
export interface CommandContext {
  readonly config: DeviceConfig;
  /** The link takes a packet several times (IFF_TX_SKB_SHARING): clone_skb and burst are possible. */
  readonly sharesSkb: boolean;
  /** The NUMA node exists on this machine. */
  nodePossible(node: number): boolean;
  /** The module's debug parameter. */
  readonly debug: number;
}

/** What one write to a device file did. */
export interface CommandOutcome {
  readonly config: DeviceConfig;
  /** The new text of "Result:"; undefined leaves the old one, as some commands do. */
  readonly result?: string;
  /** What write(2) fails with; undefined when it succeeds, even if `result` says ERROR. */
  readonly errno?: CommandErrno;
  /** State words that change with the parameter. */
  readonly patches?: readonly StatePatch[];
  /** The module's debug parameter, when the command set it. */
  readonly debug?: number;
  /** Lines for the kernel log. */
  readonly log?: readonly string[];
}

/** A command of a device file that sets other rows, or none. */
export interface Shortcut {
  readonly placeholder: string;
  readonly doc: string;
  readonly group: ParamGroup;
  readonly unit?: string;
  run(line: string, from: number, on: CommandContext): CommandOutcome;
}
