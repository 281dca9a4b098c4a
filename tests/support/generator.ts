import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Generator, type GeneratorOptions, openGenerator } from '../../src/daemon.ts';
import type { Device } from '../../src/pktgen/device.ts';
import type { TestPair } from './netns.ts';

/** Who writes to the control files in tests. */
export const writer = { capable: true, signal: new AbortController().signal };

/** A generator of this process. */
export interface OpenedGenerator extends AsyncDisposable {
  readonly generator: Generator;
  /** pg0. */
  readonly device: Device;
  readonly log: readonly string[];
  /** Writes lines that must be taken. */
  write(file: string, ...lines: readonly string[]): Promise<void>;
}

/** A generator in the near namespace of a pair, with pg0 on kpktgend_0. */
export async function openOnPair(
  pair: TestPair,
  lines: readonly string[],
  options: Pick<GeneratorOptions, 'associations'> = {},
): Promise<OpenedGenerator> {
  const log: string[] = [];
  const generator = await openGenerator({ netns: pair.near, log: (line) => log.push(line), ...options });
  const write = async (file: string, ...all: readonly string[]): Promise<void> => {
    for (const line of all)
      assert.equal(await generator.pktgen.write(file, `${line}\n`, writer), line.length + 1, line);
  };
  await write('kpktgend_0', 'add_device pg0');
  await write('pg0', ...lines);
  // Its worker has started when this is over.
  await sleep(200);
  const device = generator.pktgen.device('pg0');
  assert.ok(device);
  return { generator, device, log, write, [Symbol.asyncDispose]: () => generator[Symbol.asyncDispose]() };
}

/** Waits for something to become true. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 5000; !holds(); await sleep(2)) assert.ok(Date.now() < end, `in vain: ${what}`);
}
