import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SyscallError } from '../../linux/errno.ts';
import { XDP_FEATURE } from '../../linux/xdp-features.ts';
import { LinkOpener, type XdpAccess } from './link-opener.ts';

const { BASIC, REDIRECT, NDO_XMIT } = XDP_FEATURE;
const JOB = {
  id: 1,
  link: { name: 'eth1', index: 5, mtu: 1500, txQueues: 1 },
  transmitter: 'auto',
  mode: 'start_xmit',
} as const;

/** A link whose features with and without a program of ours are these. */
class FakeLink implements XdpAccess {
  attached = 0;
  readonly before: number | undefined;
  readonly after: number;
  readonly busy: boolean;
  constructor(before: number | undefined, after: number, busy = false) {
    this.before = before;
    this.after = after;
    this.busy = busy;
  }
  features(): number | undefined {
    return this.attached > 0 ? this.after : this.before;
  }
  attach(): Disposable {
    if (this.busy) throw new SyscallError('bpf', 16);
    this.attached++;
    return {
      [Symbol.dispose]: () => {
        this.attached--;
      },
    };
  }
}

describe('links that need a program to take live frames', () => {
  test('get one for as long as devices run', () => {
    const log: string[] = [];
    const link = new FakeLink(BASIC | REDIRECT, BASIC | REDIRECT | NDO_XMIT);
    const opener = new LinkOpener((line) => log.push(line), link);
    opener.open(JOB);
    opener.open({ ...JOB, id: 2 });
    assert.equal(link.attached, 1);
    opener.release(1);
    assert.equal(link.attached, 1);
    opener.release(2);
    assert.equal(link.attached, 0);
    assert.match(log.join(), /^eth1: its driver takes live frames only with an XDP program/);
    opener.open(JOB);
    opener.close();
    assert.equal(link.attached, 0);
  });

  /** Links and devices that get none. */
  const none: readonly (readonly [what: string, link: FakeLink, job: object])[] = [
    ['a link that takes them as it is', new FakeLink(BASIC | NDO_XMIT, BASIC | NDO_XMIT), {}],
    ['a driver without XDP', new FakeLink(0, 0), {}],
    ['a driver that takes none even so', new FakeLink(BASIC, BASIC), {}],
    ['a link with a program of somebody else', new FakeLink(BASIC, NDO_XMIT, true), {}],
    ['a kernel that does not tell', new FakeLink(undefined, NDO_XMIT), {}],
    ['a device that is to use the ring', new FakeLink(BASIC, NDO_XMIT), { transmitter: 'ring' }],
    ['a device that goes through the queueing discipline', new FakeLink(BASIC, NDO_XMIT), { mode: 'queue_xmit' }],
    ['a veth, whose other end decides', new FakeLink(BASIC, NDO_XMIT), { link: { ...JOB.link, kind: 'veth' } }],
  ];
  for (const [what, link, change] of none) {
    test(`${what} gets none`, () => {
      new LinkOpener(() => assert.fail('nothing to tell'), link).open({ ...JOB, ...change });
      assert.equal(link.attached, 0);
    });
  }
});
