/**
 * `procfs-daemon DIR [SCRIPT ARGS]`: serves a few control files at DIR, for the tests: a process that can be killed.
 * Prints `ready`, and every write as a line of JSON. With a script it runs that with /proc/net/pktgen being DIR, prints
 * how it ended, and ends.
 *
 * pgctrl wants the capability and knows `add NAME`, `remove NAME`, `start`, which waits for a signal or a `stop`, and
 * `stop`. A device's text is what was last written to it; of a write that begins with `short` it takes 3 bytes, `fail`
 * gives EINVAL, `524` the kernel's own ENOTSUPP, and `hang` is never answered.
 */

import type { ControlFiles, Writer } from '../../src/pktgen/control-files.ts';
import { runScript } from '../../src/procfs/script-namespace.ts';
import { serveControlFiles } from '../../src/procfs/serve-control-files.ts';

const devices = new Map<string, { id: number; text: string }>();
let lastId = 0;
let stop = new AbortController();

const untilAborted = (signals: readonly AbortSignal[]): Promise<void> =>
  new Promise((resolve) => {
    const either = AbortSignal.any([...signals]);
    if (either.aborted) resolve();
    else either.addEventListener('abort', () => resolve(), { once: true });
  });

async function control(line: string, length: number, { capable, signal }: Writer): Promise<number> {
  if (!capable) return -1;
  const [command, name = ''] = line.trim().split(' ');
  if (command === 'add') devices.set(name, { id: ++lastId, text: 'fresh\n'.repeat(4000) });
  else if (command === 'remove') devices.delete(name);
  else if (command === 'stop') stop.abort();
  else if (command === 'start') {
    stop = new AbortController();
    console.log(JSON.stringify({ event: 'started' }));
    await untilAborted([signal, stop.signal]);
    console.log(JSON.stringify({ event: signal.aborted ? 'interrupted' : 'stopped' }));
  } else return -22;
  return length;
}

const files: ControlFiles = {
  list: () => ['pgctrl', 'kpktgend_0', ...devices.keys()],
  read: (file) => (file === 'pgctrl' || file === 'kpktgend_0' ? `text of ${file}\n` : devices.get(file)?.text),
  identity: (file) => (file === 'pgctrl' || file === 'kpktgend_0' ? 0 : devices.get(file)?.id),
  async write(file, data, writer) {
    console.log(JSON.stringify({ file, data, capable: writer.capable }));
    if (file === 'pgctrl') return control(data, data.length, writer);
    const device = devices.get(file);
    if (device) device.text = data;
    if (data.startsWith('short')) return 3;
    if (data.startsWith('fail')) return -22;
    if (data.startsWith('524')) return -524;
    if (data.startsWith('hang')) return new Promise(() => {});
    return data.length;
  },
};

const [directory = '', ...script] = process.argv.slice(2);
try {
  const session = await serveControlFiles(files, directory);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => session.close());
  console.log('ready');
  if (script.length > 0) {
    console.log(JSON.stringify(await runScript({ controlFiles: directory, argv: script })));
    await session.close();
  }
  await session.ended;
  console.log('ended');
} catch (error) {
  console.log(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exit(1);
}
