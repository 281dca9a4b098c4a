import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { hasCapability } from '../linux/capabilities.ts';

/** Set in the process that already is in a namespace of its own. */
const INSIDE = 'PKTGEN_IN_USER_NAMESPACE';

/** Whether namespaces can only be made inside a user namespace: for everybody but root. */
export const needsUserNamespace = (): boolean => !hasCapability('CAP_SYS_ADMIN') && process.env[INSIDE] === undefined;

/** Settings by which a system forbids user namespaces, and the value that does. */
const FORBIDDEN: readonly (readonly [setting: string, value: string])[] = [
  ['kernel/unprivileged_userns_clone', '0'],
  ['kernel/apparmor_restrict_unprivileged_userns', '1'],
  ['user/max_user_namespaces', '0'],
];

/** Why this system does not let an ordinary user make a user namespace; undefined when nothing speaks against it. */
export function forbiddenBy(): string | undefined {
  for (const [setting, value] of FORBIDDEN) {
    try {
      if (readFileSync(`/proc/sys/${setting}`, 'latin1').trim() === value)
        return `${setting.replace('/', '.')} = ${value}`;
    } catch {
      // A kernel without the setting.
    }
  }
  return undefined;
}

/** Runs this program again, as root of a user namespace of its own; resolves with its exit status. */
export async function reexecInUserNamespace(argv: readonly string[]): Promise<number> {
  const command = ['--user', '--map-root-user', '--net', process.execPath, ...argv];
  const child = spawn('unshare', command, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  // ^C reaches the child too, from the terminal; it shows its result, and we wait for that.
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  const passOn = (): void => void child.kill('SIGTERM');
  process.on('SIGTERM', passOn);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', (error) => reject(new Error(`cannot run unshare (Debian: util-linux): ${error.message}`)));
      child.on('exit', (status, signal) => resolve(status ?? 128 + (signal ? constants.signals[signal] : 0)));
    }).then((status) => {
      const reason = status === 0 ? undefined : forbiddenBy();
      if (reason) process.stderr.write(`pktgen: this system forbids user namespaces (${reason}): run it as root\n`);
      return status;
    });
  } finally {
    process.off('SIGINT', ignore);
    process.off('SIGTERM', passOn);
  }
}
