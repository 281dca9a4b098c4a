import type { Device } from '../pktgen/device.ts';
import { UsageError } from './usage-error.ts';

/** What the errno values of a command mean to somebody who gave an option. */
const REASONS: Readonly<Record<string, string>> = {
  EOPNOTSUPP:
    'this link cannot be handed the same packet twice (veth, bridge, tap and the like cannot; a NIC or a dummy link can)',
  E2BIG: 'too many of them',
  EINVAL: 'not possible together with the other parameters, or not a value',
};

/** Writes lines to a device as to its file; a line that it does not take is a UsageError. */
export function applyLines(device: Device, lines: readonly string[], nodePossible: (node: number) => boolean): void {
  for (const line of lines) {
    const { errno, result, patches } = device.command(line, { debug: 0, nodePossible });
    if (errno) throw new UsageError(`${line}: ${REASONS[errno] ?? errno}`);
    if (result !== undefined && !result.startsWith('OK: ')) throw new UsageError(`${line}: ${result.trimEnd()}`);
    device.patch(patches ?? []);
  }
}
