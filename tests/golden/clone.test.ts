import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../../src/wire/ipv4-address.ts';
import { fakeMachine } from '../support/fake-machine.ts';
import { goldenNames, maskTimes, readCase } from '../support/golden.ts';
import { LoopEngine } from '../support/loop-engine.ts';

/** A packet of a recording, seen on a dummy link. */
interface Packet {
  readonly seq: number;
  readonly ip_id: number;
  readonly dport: number;
  readonly daddr: string;
  readonly len: number;
}
/** Runs on a link that shares buffers: the packets and the device file after each run. */
interface CloneCase {
  readonly writes: readonly { readonly file: string; readonly write: string }[];
  readonly packets: readonly (readonly Packet[])[];
  readonly after: readonly string[];
}

/** The figures of a frame that the recordings tell. */
function packetOf(frame: Uint8Array): Packet {
  const view = new DataView(frame.buffer, frame.byteOffset);
  return {
    seq: view.getUint32(46),
    ip_id: view.getUint16(18),
    dport: view.getUint16(36),
    daddr: formatIpv4(view.getUint32(30)),
    len: frame.length,
  };
}

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
      assert.deepEqual(
        got,
        wanted.map(({ seq, ip_id, dport, daddr, len }) => ({ seq, ip_id, dport, daddr, len })),
        `run ${run + 1}`,
      );
      const after = golden.after[run];
      const mac = (text: string): string => text.replace(/src_mac: \S+/g, 'src_mac: MAC');
      if (after !== undefined)
        assert.equal(mac(maskTimes(pktgen.read('dum0') ?? '')), mac(maskTimes(after)), `file after run ${run + 1}`);
    }
  });
}
