/** The command line makes no sense: the message says what was given, what is allowed and what to do. Exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for cannot be done here: no such link, no permission. Exit status 1. */
export class RunError extends Error {
  override readonly name = 'RunError';
}
