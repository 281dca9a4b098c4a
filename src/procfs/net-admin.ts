import { readFile, readlink } from 'node:fs/promises';

const CAP_NET_ADMIN = 12n;

/**
 * Whether a thread may administer our network, as capable(CAP_NET_ADMIN) would say: the capability is in its
 * effective set, and counts in our user namespace. `uid` is its user as FUSE gave it: what is left to go by when
 * nothing can be read of the thread, because it is outside our pid namespace (`pid` 0) or hidden.
 */
export async function hasNetAdmin(pid: number, uid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => undefined);
  if (status === undefined) return uid === process.geteuid?.() && ownCapability();
  return hasCapability(status) && (await sameUserNamespace(pid, uid));
}

/** Reads the line CapEff of a status file, proc_pid_status(5). */
export function hasCapability(status: string): boolean {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex !== undefined && ((BigInt(`0x${hex}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

const ownCapability = async (): Promise<boolean> => hasCapability(await readFile('/proc/self/status', 'latin1'));

async function sameUserNamespace(pid: number, uid: number): Promise<boolean> {
  const [ours, theirs] = await Promise.all(
    ['self', pid].map((process) => readlink(`/proc/${process}/ns/user`).catch(() => undefined)),
  );
  return theirs === undefined ? uid === process.geteuid?.() : theirs === ours;
}
