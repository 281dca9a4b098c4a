import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { followsNewerKernel, goldenNames, maskTimes, readTranscript, resultOf } from '../support/golden.ts';
import { Bench, cannotServe, Served } from '../support/served.ts';

const skip = cannotServe() ?? false;

/** Sessions with links that this machine's kernel may not have: held by the pure core (control.test.ts). */
const needsDummy = (name: string): boolean => /dum\d|dwn/.test(JSON.stringify(readTranscript('control', name)));

let bench: Bench;
let served: Served;
before(async () => {
  if (skip) return;
  bench = new Bench();
  served = await Served.start(bench.near);
});
after(async () => {
  await served?.close();
  bench?.close();
});

for (const name of goldenNames('control').filter((one) => !needsDummy(one))) {
  test(`control ${name} through the mount`, { skip }, async () => {
    assert.equal(await served.write('pgctrl', 'reset\n'), 6);
    const written = new Set(['pgctrl']);
    let differs = false;
    for (const line of readTranscript('control', name)) {
      if (line.file === undefined) continue;
      if (line.cat !== undefined) {
        if (!line.file.startsWith('kpktgend_') || written.has(line.file)) {
          assert.equal(maskTimes((await served.read(line.file)) ?? ''), maskTimes(line.cat), `cat ${line.file}`);
        }
        continue;
      }
      const data = line.write ?? '';
      // A write of nothing does not reach a FUSE file system.
      if (followsNewerKernel(line.file, data) || data === '') {
        differs = true;
        continue;
      }
      const what = `${line.file} <- ${JSON.stringify(data.slice(0, 80))}`;
      written.add(line.file);
      const returned = await served.write(line.file, data);
      // Node calls EOPNOTSUPP by its other name.
      if (typeof returned === 'string')
        assert.equal(returned, line.errno === 'ENOTSUPP' ? 'ENOTSUP' : line.errno, what);
      else {
        assert.equal(0, line.errno, what);
        assert.equal(returned, line.ret ?? data.length, `${what}: returned`);
      }
      const text = await served.read(line.file);
      if (line.result !== undefined && !(differs && line.errno !== 0)) {
        assert.equal(maskTimes(resultOf(text) ?? '').trimEnd(), maskTimes(line.result).trimEnd(), `${what}: result`);
        differs = false;
      }
      if (line.show !== undefined && !differs)
        assert.equal(maskTimes(text ?? ''), maskTimes(line.show), `${what}: file`);
      if (line.ls) assert.deepEqual(await served.list(), line.ls, `${what}: files`);
    }
  });
}
