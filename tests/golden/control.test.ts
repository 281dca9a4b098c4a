import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeMachine } from '../support/fake-machine.ts';
import { followsNewerKernel, goldenNames, maskTimes, readTranscript, resultOf } from '../support/golden.ts';

/** Errno names of the recordings by what a write returns. */
const ERRNO_NAMES: Record<number, string> = {
  1: 'EPERM',
  2: 'open:ENOENT',
  7: 'E2BIG',
  16: 'EBUSY',
  19: 'ENODEV',
  22: 'EINVAL',
  95: 'ENOTSUPP',
  100: 'ENETDOWN',
};

for (const name of goldenNames('control')) {
  test(`control ${name}: what the kernel answered`, async () => {
    const { pktgen, machine } = fakeMachine();
    // A thread's result stays from the session before; only what this session wrote is known.
    const written = new Set<string>(['pgctrl']);
    let differs = false;
    for (const line of readTranscript('control', name)) {
      if (line.shell !== undefined) machine.shell(line.shell);
      if (line.file === undefined) continue;
      if (line.cat !== undefined) {
        if (!line.file.startsWith('kpktgend_') || written.has(line.file)) {
          assert.equal(maskTimes(pktgen.read(line.file) ?? ''), maskTimes(line.cat), `cat ${line.file}`);
        }
        continue;
      }
      const data = line.write ?? '';
      const what = `${line.file} <- ${JSON.stringify(data)}`;
      if (followsNewerKernel(line.file, data)) {
        differs = true;
        continue;
      }
      machine.takeLog();
      const returned = await pktgen.write(line.file, data, machine.root);
      written.add(line.file);
      assert.equal(returned < 0 ? ERRNO_NAMES[-returned] : 0, line.errno, what);
      if (returned >= 0) assert.equal(returned, line.ret ?? data.length, `${what}: returned`);
      const text = pktgen.read(line.file);
      // After a write that newer kernels answer differently, a result that was left untouched differs too.
      if (line.result !== undefined && !(differs && line.errno !== 0)) {
        assert.equal(maskTimes(resultOf(text) ?? '').trimEnd(), maskTimes(line.result).trimEnd(), `${what}: result`);
        differs = false;
      }
      if (line.show !== undefined && !differs && written.has(line.file)) {
        assert.equal(maskTimes(text ?? ''), maskTimes(line.show), `${what}: file`);
      }
      if (line.ls) assert.deepEqual([...pktgen.list()].sort(), line.ls, `${what}: files`);
      if (line.dmesg) assert.deepEqual(machine.takeLog(), line.dmesg, `${what}: log`);
    }
  });
}
