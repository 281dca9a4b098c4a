import { readFileSync } from 'node:fs';
import { check, declare } from './libc.ts';

const cSetAffinity = declare('int sched_setaffinity(int pid, size_t size, const void *mask)');
const cGetAffinity = declare('int sched_getaffinity(int pid, size_t size, _Out_ void *mask)');
const cPrctl = declare('int prctl(int option, void *arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)');
const cPrctlNumber = declare(
  'int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)',
);

const cGettid = declare('int gettid()');
const cGetpid = declare('int getpid()');
const cTgkill = declare('int tgkill(int pid, int tid, int signal)');

/** linux/prctl.h */
const PR_SET_NAME = 15;
const PR_SET_TIMERSLACK = 29;
/** Bytes of a CPU mask: 8192 CPUs. */
const MASK_LEN = 1024;

/** Reads a list of the kernel's: `0-3,8`. */
export const parseCpuList = (text: string): number[] =>
  text
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });

/** CPUs that are online. */
export const onlineCpus = (): number[] => parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'latin1'));

/** CPUs that this thread may run on: what taskset, cgroups and containers leave of those online. */
export function allowedCpus(): number[] {
  const mask = Buffer.alloc(MASK_LEN);
  check(cGetAffinity(0, MASK_LEN, mask), 'sched_getaffinity');
  return onlineCpus().filter((cpu) => ((mask[cpu >> 3] ?? 0) & (1 << (cpu & 7))) !== 0);
}

/** Lets a thread of this process, without a number the calling one, run on these CPUs only. */
export function runOn(cpus: readonly number[], thread = 0): void {
  const mask = Buffer.alloc(MASK_LEN);
  for (const cpu of cpus) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  check(cSetAffinity(thread, MASK_LEN, mask), 'sched_setaffinity', `CPU ${cpus.join(', ')}`);
}
/** Lets the calling thread run on one CPU only. */
export const pinThread = (cpu: number): void => runOn([cpu]);

/** Names the calling thread, as ps shows it; 15 characters. */
export function setThreadName(name: string): void {
  check(cPrctl(PR_SET_NAME, Buffer.from(`${name.slice(0, 15)}\0`), 0, 0, 0), 'prctl PR_SET_NAME');
}

/** How late, ns, the kernel may wake the calling thread from a timed wait. */
export function setTimerSlack(ns: number): void {
  check(cPrctlNumber(PR_SET_TIMERSLACK, ns, 0, 0, 0), 'prctl PR_SET_TIMERSLACK');
}

/** The signal that interrupts a thread's system call. It must have a handler, which only the main thread can install. */
export const INTERRUPT_SIGNAL = 'SIGURG';
const SIGURG = 23;

/** The calling thread, as the kernel numbers it (gettid(2)). */
export const threadId = (): number => cGettid();

/** Has a system call that another thread of this process is in return with EINTR (tgkill(2)). */
export function interruptThread(tid: number): void {
  check(cTgkill(cGetpid(), tid, SIGURG), 'tgkill', `thread ${tid}`);
}
