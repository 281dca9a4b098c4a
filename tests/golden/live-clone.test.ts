import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { XDP } from '../../src/linux/bpf-link.ts';
import { capture } from '../support/capture.ts';
import { type CloneCase, packetOf, recorded } from '../support/clone-case.ts';
import { fakeMachine } from '../support/fake-machine.ts';
import { atFarEnd } from '../support/far-end.ts';
import { goldenNames, maskTimes, readCase } from '../support/golden.ts';
import { LiveEngine } from '../support/live-engine.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

/** The longest a capture keeps. */
const CAPTURED = 65_536;

describe('clone_skb and burst as live frames', { skip: whyNoNetns }, () => {
  for (const name of goldenNames('clone')) {
    test(`clone ${name}: which packets repeat, and what they carry`, { timeout: 20_000 }, async () => {
      const golden = readCase<CloneCase>('clone', name);
      using pair = new TestPair();
      using _pass = atFarEnd(pair, XDP.PASS);
      let made: LiveEngine | undefined;
      const { pktgen, machine } = fakeMachine(undefined, (_machine, stopped) => {
        made = new LiveEngine(pair, stopped);
        return made;
      });
      assert.ok(made);
      using _engine = made;
      for (const { file, write } of golden.writes) await pktgen.write(file, write, machine.root);
      for (const [run, wanted] of golden.packets.entries()) {
        using sink = capture('pg0p', { netns: pair.far, slots: CAPTURED });
        await pktgen.write('pgctrl', 'start\n', machine.root);
        const got = sink.stop().map(packetOf).slice(0, wanted.length);
        // A run without end is stopped at another moment, and the next goes on from there.
        if (run > 0 && /count 0/.test(JSON.stringify(golden.writes))) break;
        assert.deepEqual(got, wanted.map(recorded), `run ${run + 1}`);
        const after = golden.after[run];
        const mac = (text: string): string => text.replace(/src_mac: \S+/g, 'src_mac: MAC');
        if (after !== undefined && !/^Params: count 0 /.test(after))
          assert.equal(mac(maskTimes(pktgen.read('dum0') ?? '')), mac(maskTimes(after)), `file after run ${run + 1}`);
      }
    });
  }
});
