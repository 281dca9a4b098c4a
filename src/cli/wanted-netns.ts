import { basename } from 'node:path';
import { UsageError } from './usage-error.ts';

/** Serves every namespace of `ip netns`. */
const ALL = 'all';

/** A namespace to serve. */
export interface WantedNetns {
  /** What it is called: its control files are in a directory of this name, where several are served. */
  readonly name: string;
  /** Where it is found: a name of `ip netns`, a path or a process id. */
  readonly at: string;
}

/** What `--netns` asks for. */
export interface NetnsChoice {
  /** The namespaces as of now, with the names that there are; changes with them for `all` only. */
  wanted(named: readonly string[]): WantedNetns[];
  /** Each has a directory of its own, not only one that is named alone. */
  readonly several: boolean;
  /** All of them must be there; with `all` there may be none. */
  readonly must: boolean;
}

/** Reads `--netns`, given once or more. Throws UsageError for two that are called the same. */
export function netnsChoice(given: readonly string[]): NetnsChoice {
  const isAll = given.includes(ALL);
  const named = given.filter((at) => at !== ALL).map((at) => ({ name: basename(at), at }));
  const twice = named.find(({ name }, i) => named.findIndex((other) => other.name === name) !== i);
  if (twice)
    throw new UsageError(`--netns ${twice.at}: two namespaces cannot both be called ${JSON.stringify(twice.name)}`);
  return {
    wanted: (names) => [
      ...named,
      ...(isAll ? names : [])
        .filter((name) => !named.some((one) => one.name === name))
        .map((name) => ({ name, at: name })),
    ],
    several: isAll || named.length > 1,
    must: !isAll,
  };
}
