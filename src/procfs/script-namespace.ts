import { Worker } from 'node:worker_threads';

/** A script to run. */
export interface ScriptJob {
  /** Where the control files are mounted. */
  readonly controlFiles: string;
  /** The command and its arguments, looked up in PATH. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** What the script's thread tells; it is told signals to pass on. */
export type ScriptMessage = { readonly refused: string } | { readonly ended: ScriptResult };

/** How a script ended: its exit status, or the signal that ended it. */
export interface ScriptResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The script cannot be started: there is none, or it may not be executed. */
export class ScriptRefused extends Error {
  override readonly name = 'ScriptRefused';
}

/** The worker file beside this module, whether it runs as .ts or compiled .js. */
const workerUrl = new URL(`./script-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Passed on to the script; ^C reaches it by itself, from the terminal. */
const PASSED_ON = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a script in a private mount namespace in which /proc/net/pktgen is the mount `controlFiles`, with our standard
 * input and output. The mount may be served by this very thread, which goes on serving. While the script runs, SIGINT
 * does not end this process. Nothing of the namespace is left when the script and what it started have ended. Rejects
 * with ScriptRefused when the script cannot be started, or with SyscallError's text when the namespace cannot be made.
 */
export async function runScript({
  controlFiles,
  argv,
  env = process.env,
}: Omit<ScriptJob, 'env'> & { readonly env?: NodeJS.ProcessEnv }): Promise<ScriptResult> {
  const job: ScriptJob = { controlFiles, argv, env: { ...env } };
  const worker = new Worker(workerUrl, { workerData: job });
  const passOn = (signal: NodeJS.Signals): void => worker.postMessage(signal);
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  for (const signal of PASSED_ON) process.on(signal, passOn);
  try {
    return await new Promise<ScriptResult>((resolve, reject) => {
      worker.on('message', (message: ScriptMessage) => {
        if ('ended' in message) resolve(message.ended);
        else reject(new ScriptRefused(`cannot run ${argv[0]}: ${message.refused}`));
      });
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the thread of the script ended early')));
    });
  } finally {
    process.off('SIGINT', ignore);
    for (const signal of PASSED_ON) process.off(signal, passOn);
    await worker.terminate();
  }
}
