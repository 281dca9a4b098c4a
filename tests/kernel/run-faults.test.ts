import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { XDP } from '../../src/linux/bpf-link.ts';
import { capture } from '../support/capture.ts';
import { atFarEnd } from '../support/far-end.ts';
import { openOnPair, until, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

const SEQ_AT = 14 + 20 + 8 + 4;
const seqOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(SEQ_AT);
const isIpv4 = (frame: Uint8Array): boolean => frame[12] === 0x08 && frame[13] === 0x00;

describe('faults of a link during a run', { skip: whyNoNetns }, () => {
  test('after a run that ended with the carrier, the next begins anew: nothing of the last one leaves', async () => {
    using pair = new TestPair();
    await using opened = await openOnPair(pair, ['count 0', 'ratep 20000']);
    const { generator, device } = opened;
    const first = generator.pktgen.write('pgctrl', 'start\n', writer);
    await until('packets', () => device.figures().packets > 500);
    pair.farRoutes.setUp(pair.farLink.index, false);
    await first;
    const sent = device.figures().packets;
    assert.equal(pair.farLink.statistics?.rxPackets, sent);
    pair.farRoutes.setUp(pair.farLink.index);
    await until('the carrier', () => pair.nearLink.carrier);
    using sink = capture('pg0p', { netns: pair.far });
    await sleep(1200);
    for (const line of ['count 300', 'delay 0']) await generator.pktgen.write('pg0', `${line}\n`, writer);
    await generator.pktgen.write('pgctrl', 'start\n', writer);
    assert.deepEqual(
      sink.stop().map(seqOf),
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
    assert.equal(device.figures().packets, 300);
  });

  test('an MTU that becomes too small makes errors, one that is enough again lets the run go on', async () => {
    using pair = new TestPair();
    using sink = capture('pg0p', { netns: pair.far, slots: 8192 });
    await using opened = await openOnPair(pair, ['count 3000', 'ratep 5000', 'pkt_size 1200']);
    const { generator, device } = opened;
    const run = generator.pktgen.write('pgctrl', 'start\n', writer);
    await until('packets', () => device.figures().packets > 200);
    pair.nearRoutes.setMtu(pair.nearLink.index, 1000);
    pair.farRoutes.setMtu(pair.farLink.index, 1000);
    await until('errors', () => device.figures().errors > 100);
    const stuck = device.figures().packets;
    await sleep(50);
    assert.equal(device.figures().packets, stuck);
    // Shorter packets pass, whatever was refused before them.
    assert.equal(await generator.pktgen.write('pg0', 'pkt_size 100\n', writer), 13);
    await until('packets after a shorter size', () => device.figures().packets > stuck + 200);
    pair.nearRoutes.setMtu(pair.nearLink.index, 1500);
    pair.farRoutes.setMtu(pair.farLink.index, 1500);
    assert.equal(await generator.pktgen.write('pg0', 'pkt_size 1200\n', writer), 14);
    await run;
    assert.equal(device.figures().packets, 3000);
    // A link whose MTU was too small for IPv6 says hello again.
    assert.equal(sink.stop().filter(isIpv4).length, 3000);
  });

  for (const how of ['ring', 'live'] as const) {
    for (const [what, act] of [
      ['set down', (pair: TestPair) => pair.nearRoutes.setUp(pair.nearLink.index, false)],
      ['deleted', (pair: TestPair) => pair.nearRoutes.remove(pair.nearLink.index)],
      ['without carrier', (pair: TestPair) => pair.farRoutes.setUp(pair.farLink.index, false)],
    ] as const) {
      test(`a run (${how}) whose link is ${what} ends soon, and has counted what arrived`, async () => {
        using pair = new TestPair();
        using _pass = how === 'live' ? atFarEnd(pair, XDP.PASS) : undefined;
        using sink = capture('pg0p', { netns: pair.far, slots: 65_536 });
        await using opened = await openOnPair(pair, ['count 0', 'ratep 50000', `transmitter ${how}`]);
        const { generator, device } = opened;
        const run = generator.pktgen.write('pgctrl', 'start\n', writer);
        await until('packets', () => device.figures().packets > 1000);
        act(pair);
        const from = Date.now();
        await run;
        // The kernel tells of a lost carrier at once or, if it has told of one lately, a second later (linkwatch).
        assert.ok(Date.now() - from < 1500, `took ${Date.now() - from} ms`);
        assert.equal(device.figures().packets, sink.stop().length);
        if (what === 'deleted') await until('no device', () => generator.pktgen.device('pg0') === undefined);
      });
    }
  }
});
