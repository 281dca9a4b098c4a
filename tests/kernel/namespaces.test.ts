import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { XDP } from '../../src/linux/bpf-link.ts';
import { netnsInode } from '../../src/linux/netns.ts';
import { atFarEnd } from '../support/far-end.ts';
import { openOnPair, until, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

const TIMEOUT_MS = 30_000;

describe('generators of several namespaces in one process', { skip: whyNoNetns }, () => {
  test('each sends to its own link of a name that both have', { timeout: TIMEOUT_MS }, async () => {
    const home = netnsInode();
    using one = new TestPair();
    using two = new TestPair();
    using _one = atFarEnd(one, XDP.DROP);
    using _two = atFarEnd(two, XDP.DROP);
    await using first = await openOnPair(one, ['count 3000', 'pkt_size 60']);
    await using second = await openOnPair(two, ['count 5000', 'pkt_size 60', 'transmitter ring']);
    const received = (pair: TestPair): number => pair.farLink.statistics?.rxPackets ?? 0;
    await Promise.all([first, second].map(({ generator }) => generator.pktgen.write('pgctrl', 'start\n', writer)));
    await until('all packets', () => received(one) === 3000 && received(two) === 5000);
    assert.equal(netnsInode(), home);
  });

  test('each sees what happens to its own links', { timeout: TIMEOUT_MS }, async () => {
    using one = new TestPair();
    using two = new TestPair();
    await using first = await openOnPair(one, []);
    await using second = await openOnPair(two, []);
    two.nearRoutes.remove(two.nearLink.index);
    await until('the device is gone', () => second.generator.pktgen.devices.length === 0);
    assert.equal(first.generator.pktgen.devices.length, 1);
  });
});
