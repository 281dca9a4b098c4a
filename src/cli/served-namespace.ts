import { type Generator, type GeneratorOptions, openGenerator } from '../daemon.ts';
import { Netns } from '../linux/netns.ts';
import { claimMountPoint } from '../procfs/mount-point.ts';
import { serveControlFiles } from '../procfs/serve-control-files.ts';
import { ownDirectory } from './own-directory.ts';
import type { WantedNetns } from './wanted-netns.ts';

/** What is to be served. */
export interface ServedSetup {
  /** The namespace; without it that of this process. */
  readonly netns: WantedNetns | undefined;
  /** Where its control files are mounted; false: nowhere. */
  readonly directory: string | false;
  readonly generator: GeneratorOptions;
}

/** One namespace at work: its generator, and where its control files are mounted. */
export interface ServedNamespace extends AsyncDisposable {
  readonly netns: WantedNetns | undefined;
  readonly generator: Generator;
  readonly mountPoint: string | undefined;
  /** Resolves when somebody else has unmounted them; never where they are not mounted. */
  readonly unmounted: Promise<void>;
  /** The namespace still is where it was found; one of the same name that was made anew is another. */
  isCurrent(): boolean;
}

/** Opens a namespace. Rejects, and leaves nothing, where there is none, or its files cannot be mounted. */
export async function serveNamespace({ netns, directory, generator: options }: ServedSetup): Promise<ServedNamespace> {
  const owned: (Disposable | AsyncDisposable)[] = [];
  const own = <T extends Disposable | AsyncDisposable>(one: T): T => {
    owned.unshift(one);
    return one;
  };
  const close = async (): Promise<void> => {
    for (const one of owned.splice(0)) {
      if (Symbol.asyncDispose in one) await one[Symbol.asyncDispose]();
      else one[Symbol.dispose]();
    }
  };
  try {
    const opened = netns && own(Netns.open(netns.at));
    // Where a daemon serves already, that is what is said.
    if (directory !== false) await claimMountPoint(own(ownDirectory(directory)).path);
    const generator = own(await openGenerator({ ...options, ...(opened && { netns: opened }) }));
    const session = directory === false ? undefined : own(await serveControlFiles(generator.pktgen, directory));
    const inode = opened?.inode;
    return {
      ...{ netns, generator, mountPoint: session?.mountPoint },
      unmounted: session ? session.ended.then(() => undefined) : new Promise(() => {}),
      isCurrent: () => netns === undefined || inodeAt(netns.at) === inode,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The inode of a namespace; undefined where there is none. */
function inodeAt(at: string): number | undefined {
  try {
    using found = Netns.open(at);
    return found.inode;
  } catch {
    return undefined;
  }
}
