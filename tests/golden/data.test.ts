import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeMachine } from '../support/fake-machine.ts';
import { type DataCase, goldenNames, maskTimes, readCase, recordedFrames } from '../support/golden.ts';
import { recordingEngine } from '../support/recording-engine.ts';
import { assertSameFrames, isRandom, timeIn } from '../support/same-frames.ts';

for (const name of goldenNames('data')) {
  test(`data ${name}: the packets that the kernel sent`, async () => {
    const golden = readCase<DataCase>('data', name);
    const wanted = recordedFrames(golden);
    const frames: Uint8Array[] = [];
    // Packets carry the times of the recorded ones, so that nothing need be masked.
    const timeOf = (packet: number): readonly [number, number] => timeIn(wanted[packet]);
    const { pktgen, machine } = fakeMachine(undefined, recordingEngine(frames, timeOf));
    for (const command of golden.pre) machine.shell(command);
    for (const { file, write } of golden.writes) await pktgen.write(file, write, machine.root);
    assert.equal(maskTimes(pktgen.read('pg0') ?? ''), maskTimes(golden.before));
    machine.takeLog();
    assert.equal(await pktgen.write('pgctrl', 'start\n', machine.root), 6);
    assert.deepEqual([...new Set(machine.takeLog())], [...new Set(golden.start.dmesg)]);
    if (golden.pcap) assertSameFrames(name, golden, wanted, frames);
    // Nobody takes the packets that the link seems to receive: there, each of them is an error as well.
    const taken = (text: string): string =>
      name.startsWith('netif-receive') ? text.replace(/errors: \d+/g, '') : text;
    const after = taken(maskTimes(pktgen.read('pg0') ?? ''));
    if (golden.start.stopped_by_us_after !== undefined) {
      const errors = (text: string): string => text.replace(/errors: [1-9]\d*/g, 'errors: N');
      assert.equal(errors(after), errors(maskTimes(golden.after)));
    } else if (!isRandom(name, golden)) {
      assert.equal(after, taken(maskTimes(golden.after)));
    }
  });
}
