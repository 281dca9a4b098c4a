import type { ReceiverCommandOptions } from './receiver-options.ts';
import type { SampleOptions } from './run-plan.ts';

/** Options of `run` that are not parameters of a device. */
export interface RunOptions extends SampleOptions, ReceiverCommandOptions {
  readonly interface?: string;
  readonly transmitter?: string;
  readonly pcap?: string;
  readonly json?: boolean;
  readonly force?: boolean;
  /** File of security associations. */
  readonly sa?: string;
  /** CPUs of the threads. */
  readonly cpus?: string;
  /** Link of the receiver; false: none. */
  readonly sink?: string | false;
  readonly sinkNetns?: string;
  readonly maxLoss?: string;
  readonly maxLatency?: string;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  /** Parameters that the lab looks at. */
  readonly dst6?: string;
  readonly dst6Min?: string;
}
