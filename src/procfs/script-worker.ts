/**
 * The thread of runScript: it has a mount namespace of its own, and the script that it starts inherits it. Only the
 * synchronous calls of node:fs happen on this thread and so in its namespace; the others run in Node's pool, outside.
 */
import { spawn } from 'node:child_process';
import { parentPort, workerData } from 'node:worker_threads';
import { overlayProc } from './proc-overlay.ts';
import type { ScriptJob, ScriptMessage } from './script-namespace.ts';

const { controlFiles, argv, env }: ScriptJob = workerData;
const tell = (message: ScriptMessage): void => parentPort?.postMessage(message);

const { toolDirectory } = overlayProc(controlFiles);
const [command = '', ...rest] = argv;
const child = spawn(command, rest, {
  stdio: 'inherit',
  env: { ...env, PATH: `${toolDirectory}:${env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'}` },
});
child.on('error', (error) => tell({ refused: error.message }));
child.on('exit', (status, signal) => tell({ ended: { status, signal } }));
parentPort?.on('message', (signal: NodeJS.Signals) => child.kill(signal));
