import { type GeneratorOptions, openGenerator } from '../src/daemon.ts';
import type { RunResult } from '../src/pktgen/result-text.ts';

/** A device to run: its name, its thread, what is written to it. */
export interface BenchDevice {
  readonly name: string;
  readonly thread: number;
  readonly lines: readonly string[];
}

/** How a run is to be. */
export interface RunOptions extends Pick<GeneratorOptions, 'associations'> {
  readonly stopAfterMs?: number;
}

/** Runs devices of this process, all at once, to their end or until they are stopped, on links of the namespace this thread is in. Gives each one's figures. */
export async function runDevices(
  devices: readonly BenchDevice[],
  { stopAfterMs, ...options }: RunOptions = {},
): Promise<RunResult[]> {
  await using generator = await openGenerator({ log: () => {}, ...options });
  const { pktgen } = generator;
  const writer = { capable: true, signal: new AbortController().signal };
  const write = async (file: string, line: string): Promise<void> => {
    const returned = await pktgen.write(file, line, writer);
    if (returned < 0) throw new Error(`${file}: ${line}: errno ${-returned}`);
  };
  for (const { name, thread, lines } of devices) {
    await write(`kpktgend_${thread}`, `add_device ${name}`);
    for (const line of lines) await write(name, line);
  }
  const stop = new AbortController();
  const timer = stopAfterMs === undefined ? undefined : setTimeout(() => stop.abort(), stopAfterMs);
  await pktgen.start(stop.signal);
  clearTimeout(timer);
  return devices.map(({ name }) => {
    const device = pktgen.device(name);
    if (!device) throw new Error(`${name} is gone`);
    return device.figures();
  });
}

/** Runs one device on the first thread. */
export async function runPktgen(link: string, lines: readonly string[], options?: RunOptions): Promise<RunResult> {
  const [result] = await runDevices([{ name: link, thread: 0, lines }], options);
  if (!result) throw new Error(`${link} did not run`);
  return result;
}
