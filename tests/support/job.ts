import assert from 'node:assert/strict';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import { fakeMachine } from './fake-machine.ts';

/** The job of pg0 on a fake machine, as it is when a run with this configuration begins. */
export async function jobOf(lines: readonly string[]): Promise<TransmitJob> {
  const { pktgen, machine } = fakeMachine();
  await pktgen.write('kpktgend_0', 'add_device pg0\n', machine.root);
  for (const line of lines) await pktgen.write('pg0', `${line}\n`, machine.root);
  const device = pktgen.device('pg0');
  assert.ok(device);
  const { job, patches } = device.start(machine.now());
  device.patch(patches);
  return job;
}
