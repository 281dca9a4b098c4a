import { readFileSync, readlinkSync } from 'node:fs';

const CAP_NET_ADMIN = 12n;

/**
 * Whether a thread may administer our network, as capable(CAP_NET_ADMIN) would say: the capability is in its
 * effective set, and counts in our user namespace. `uid` is its user as FUSE gave it: what is left to go by when
 * nothing can be read of the thread, because it is outside our pid namespace (`pid` 0) or hidden. Reads /proc
 * synchronously (30 µs; through Node's pool it is 600), which is safe: none of it waits for the thread or our mount.
 */
export function hasNetAdmin(pid: number, uid: number): boolean {
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (status === undefined) return isOwnUser(uid) && hasCapability(readFileSync('/proc/self/status', 'latin1'));
  return hasCapability(status) && sameUserNamespace(pid, uid);
}

/** Reads the line CapEff of a status file, proc_pid_status(5). */
export function hasCapability(status: string): boolean {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex !== undefined && ((BigInt(`0x${hex}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

const isOwnUser = (uid: number): boolean => uid === process.geteuid?.();

function sameUserNamespace(pid: number, uid: number): boolean {
  const theirs = attempt(() => readlinkSync(`/proc/${pid}/ns/user`));
  return theirs === undefined ? isOwnUser(uid) : theirs === readlinkSync('/proc/self/ns/user');
}

/** The thread may be gone or hidden: then there is nothing to read. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
