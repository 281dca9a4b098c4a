import { closeSync, fstatSync, openSync, readdirSync, statSync } from 'node:fs';
import { check, declare } from './libc.ts';

const cSetns = declare('int setns(int fd, int type)');
const cUnshare = declare('int unshare(int flags)');

const CLONE_NEWNET = 0x4000_0000;
/** Where iproute2 keeps namespaces by name. */
const NAMED = '/run/netns';
/** The namespace of the calling thread; /proc/self would be that of the main thread. */
const OWN = '/proc/thread-self/ns/net';

/** A namespace that was named is not there, or not ours to open; the message says where it was looked for. */
export class NoNetns extends Error {
  override readonly name = 'NoNetns';
}

/** A network namespace held open. */
export class Netns implements Disposable {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** The namespace of the calling thread. */
  static current(): Netns {
    return new Netns(openSync(OWN, 'r'));
  }

  /** A namespace by the name that `ip netns` knows, by a path, or by a process id. Throws NoNetns. */
  static open(name: string): Netns {
    const path = name.includes('/') ? name : /^\d+$/.test(name) ? `/proc/${name}/ns/net` : `${NAMED}/${name}`;
    try {
      return new Netns(openSync(path, 'r'));
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      throw new NoNetns(`no network namespace ${name}: ${path}: ${reason} ("ip netns" lists those with a name)`, {
        cause: error,
      });
    }
  }

  /** A new namespace with nothing but a loopback link that is down. The calling thread stays where it is. */
  static create(): Netns {
    using back = Netns.current();
    check(cUnshare(CLONE_NEWNET), 'unshare', 'CLONE_NEWNET');
    try {
      return Netns.current();
    } finally {
      back.enter();
    }
  }

  /** The inode that tells it apart from others. */
  get inode(): number {
    return fstatSync(this.fd).ino;
  }

  /** Moves the calling thread, and threads it starts later, into the namespace. */
  enter(): void {
    check(cSetns(this.fd, CLONE_NEWNET), 'setns', 'network namespace');
  }

  /** Does something in the namespace and comes back; sockets opened meanwhile stay in it. Must not await. */
  run<T>(act: () => T): T {
    using back = Netns.current();
    this.enter();
    try {
      return act();
    } finally {
      back.enter();
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** The inode that tells network namespaces apart. */
export const netnsInode = (): number => statSync(OWN).ino;

/** Namespaces that have a name of `ip netns`. */
export function namedNetns(): string[] {
  try {
    return readdirSync(NAMED).sort();
  } catch {
    // Nobody has made one yet.
    return [];
  }
}
