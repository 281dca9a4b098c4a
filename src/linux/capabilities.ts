import { readFileSync } from 'node:fs';

/** Bits of linux/capability.h. */
export const CAPABILITY = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_ADMIN: 21, CAP_BPF: 39 } as const;
export type Capability = keyof typeof CAPABILITY;

/** Whether this process has a capability in its effective set. */
export function hasCapability(name: Capability): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> BigInt(CAPABILITY[name])) & 1n) === 1n;
}
