import { openGenerator } from '../src/daemon.ts';
import type { RunResult } from '../src/pktgen/result-text.ts';

/** Runs one device of this process on a link of the namespace this thread is in. */
export async function runPktgen(link: string, lines: readonly string[]): Promise<RunResult> {
  await using generator = await openGenerator({ log: () => {} });
  const { pktgen } = generator;
  const writer = { capable: true, signal: new AbortController().signal };
  const thread = pktgen.threads[0]?.name ?? '';
  for (const [file, line] of [[thread, `add_device ${link}`], ...lines.map((one) => [link, one])]) {
    const returned = await pktgen.write(file ?? '', line ?? '', writer);
    if (returned < 0) throw new Error(`${file}: ${line}: errno ${-returned}`);
  }
  await pktgen.start(writer.signal);
  const device = pktgen.device(link);
  if (!device) throw new Error(`${link} is gone`);
  return device.figures();
}
