import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { IngressDrop } from '../../src/linux/nftables.ts';
import { SENDER_FIELDS } from '../../src/receive/flow-key.ts';
import { PacketReceiver } from '../../src/receive/packet-receiver.ts';
import { RingQueue } from '../../src/transmit/ring-queue.ts';
import { pktgenField } from '../../src/wire/pktgen-header.ts';
import { plainFrame } from '../support/ipsec.ts';
import { FAR_MAC, held, TestPair, whyNoNetns } from '../support/netns.ts';

const [OURS, FOREIGN] = [1000, 10];
const PAYLOAD = 42;

/** Packets that the far end's IP has seen (InReceives of /proc/net/snmp). */
function seenByIp(pair: TestPair): number {
  const text = pair.far.run(() => readFileSync('/proc/thread-self/net/snmp', 'latin1'));
  const [names, values] = [...text.matchAll(/^Ip: (.*)$/gm)].map((match) => match[1]?.split(' ') ?? []);
  return Number(values?.[names?.indexOf('InReceives') ?? -1]);
}

/** Sends packets of ours, and some that only look like it. */
function send(pair: TestPair): void {
  const queue = pair.near.run(
    () => new RingQueue({ ifindex: pair.nearLink.index, slotLen: 200, bypassQdisc: true, priority: 0 }),
  );
  for (let seq = 1; seq <= OURS + FOREIGN; seq++) {
    const { frame } = plainFrame({ family: 4, seq, payloadLen: 18 });
    frame.set(FAR_MAC.split(':').map((pair) => Number.parseInt(pair, 16)));
    if (seq > OURS) frame[PAYLOAD + pktgenField.magic] = 0;
    while (queue.reserve(1) === 0) queue.flush();
    new Uint8Array(queue.memory).set(frame, queue.at);
    queue.commit(1, Uint32Array.of(frame.length));
  }
  while (queue.pending > 0) queue.flush();
  queue.close();
}

describe('a packet socket and the stack behind it', { skip: whyNoNetns }, () => {
  for (const pass of [false, true]) {
    test(`packets of ours ${pass ? 'go on' : 'are thrown away'}, others go on`, async () => {
      using pair = new TestPair();
      const options = { ifindex: pair.farLink.index, flows: 16, by: SENDER_FIELDS, pass, capture: 0 };
      using receiver = pair.far.run(() => new PacketReceiver(options));
      assert.equal(receiver.passes, pass);
      const before = seenByIp(pair);
      send(pair);
      for (let tries = 0; tries < 100 && receiver.totals().ours < OURS; tries++) await receiver.settle();
      const { ours, foreign } = receiver.totals();
      assert.deepEqual([ours, foreign], [OURS, FOREIGN]);
      assert.equal(seenByIp(pair) - before, pass ? OURS + FOREIGN : FOREIGN);
    });
  }

  test('nothing of it stays, and what is refused leaves nothing', () => {
    using pair = new TestPair();
    const before = held();
    const rule = { protocol: 17, offset: 8, bytes: Uint8Array.of(1, 2, 3, 4) };
    const open = (): IngressDrop => pair.far.run(() => new IngressDrop('pg0p', rule, 'pktgen_test'));
    // The same name again: the first table has gone with its socket.
    for (let n = 0; n < 3; n++) {
      using _drop = open();
      assert.throws(open, { message: 'netlink nftables ingress pg0p: EPERM' });
    }
    assert.deepEqual(held(), before);
  });
});
