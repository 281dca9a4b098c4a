import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloneCase, packetOf, recorded } from '../support/clone-case.ts';
import { fakeMachine } from '../support/fake-machine.ts';
import { goldenNames, maskTimes, readCase } from '../support/golden.ts';
import { LoopEngine } from '../support/loop-engine.ts';

for (const name of goldenNames('clone')) {
  test(`clone ${name}: which packets repeat, and what they carry`, async () => {
    const golden = readCase<CloneCase>('clone', name);
    let engine: LoopEngine | undefined;
    const { pktgen, machine } = fakeMachine(undefined, (_machine, stopped) => {
      engine = new LoopEngine(stopped);
      return engine;
    });
    assert.ok(engine);
    for (const { file, write } of golden.writes) {
      assert.equal(await pktgen.write(file, write, machine.root), write.length, write);
    }
    for (const [run, wanted] of golden.packets.entries()) {
      engine.sent.length = 0;
      await pktgen.write('pgctrl', 'start\n', machine.root);
      // The recordings hold what the capture kept of long runs.
      const got = engine.sent.map((frame) => packetOf(frame.bytes)).slice(0, wanted.length);
      assert.deepEqual(got, wanted.map(recorded), `run ${run + 1}`);
      const after = golden.after[run];
      const mac = (text: string): string => text.replace(/src_mac: \S+/g, 'src_mac: MAC');
      if (after !== undefined)
        assert.equal(mac(maskTimes(pktgen.read('dum0') ?? '')), mac(maskTimes(after)), `file after run ${run + 1}`);
    }
  });
}
