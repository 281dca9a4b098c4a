import assert from 'node:assert/strict';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import type { Link } from '../../src/pktgen/link.ts';
import { fakeMachine } from './fake-machine.ts';

/** The job of pg0 on a fake machine, as it is when a run with this configuration begins; `link`: what is different of pg0. */
export async function jobOf(lines: readonly string[], link: Partial<Link> = {}): Promise<TransmitJob> {
  const { pktgen, machine } = fakeMachine();
  machine.change('pg0', link);
  await pktgen.write('kpktgend_0', 'add_device pg0\n', machine.root);
  for (const line of lines) await pktgen.write('pg0', `${line}\n`, machine.root);
  const device = pktgen.device('pg0');
  assert.ok(device);
  const { job, patches } = device.start(machine.now());
  device.patch(patches);
  return job;
}
