import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinkMonitor } from '../../src/linux/link-monitor.ts';
import { NetlinkSocket, parseAttributes, parseMessages } from '../../src/linux/netlink.ts';
import { Netns, netnsInode } from '../../src/linux/netns.ts';
import { type LinkInfo, parseLink, RouteSocket } from '../../src/linux/rtnetlink.ts';
import { FAR_MAC, held, linkOf, NEAR_MAC, TestPair, whyNoNetns } from '../support/netns.ts';

const macOf = (link: LinkInfo): string =>
  Buffer.from(link.mac)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');

test('bytes that are no netlink messages are left out, whatever they are', () => {
  let seed = 12345;
  const random = (): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed >> 16;
  };
  for (let n = 0; n < 5000; n++) {
    const bytes = Uint8Array.from(
      { length: random() % 80 },
      () => (random() % 3 === 0 ? random() : random() % 20) & 0xff,
    );
    for (const message of parseMessages(bytes)) parseLink(message);
    for (const value of parseAttributes(bytes).values()) assert.ok(value.length <= bytes.length);
  }
});

describe('network namespaces', { skip: whyNoNetns }, () => {
  test('a thread goes in and comes back, also after a throw; sockets stay where they were opened', () => {
    const home = netnsInode();
    const before = held();
    {
      using netns = Netns.create();
      assert.equal(netnsInode(), home);
      const inside = netns.run(netnsInode);
      assert.notEqual(inside, home);
      assert.throws(() => netns.run(() => assert.fail('thrown inside')), /thrown inside/);
      assert.equal(netnsInode(), home);
      using routes = netns.run(() => new RouteSocket());
      assert.deepEqual(
        routes.links().map((link) => [link.name, link.loopback, link.up]),
        [['lo', true, false]],
      );
      using again = Netns.open(`/proc/self/fd/${netns.fd}`);
      assert.equal(again.run(netnsInode), inside);
    }
    assert.deepEqual(held(), before);
  });

  test('a namespace that is not there says what was looked for', () => {
    assert.throws(() => Netns.open('nosuch'), /no network namespace nosuch: \/run\/netns\/nosuch: ENOENT/);
    using self = Netns.open(String(process.pid));
    assert.equal(self.run(netnsInode), netnsInode());
    assert.throws(() => Netns.open('/dev/null').enter(), { code: 'EINVAL', syscall: 'setns' });
  });
});

describe('links over rtnetlink', { skip: whyNoNetns }, () => {
  test('a veth pair is as it was asked for', () => {
    using pair = new TestPair({ queues: 2 });
    const { statistics, mac, ...near } = pair.nearLink;
    const { index } = near;
    assert.deepEqual(near, {
      ...{ name: 'pg0', index, ethernet: true, loopback: false, kind: 'veth' },
      ...{ mtu: 1500, up: true, carrier: true, txQueues: 2 },
    });
    assert.equal(macOf(pair.nearLink), NEAR_MAC);
    assert.equal(macOf(pair.farLink), FAR_MAC);
    assert.deepEqual(pair.nearRoutes.link(index), pair.nearLink);
    assert.equal(statistics?.txPackets, 0);
    assert.deepEqual(
      pair.nearRoutes
        .links()
        .map((link) => link.name)
        .sort(),
      ['lo', 'pg0'],
    );
  });

  test('links are changed, and a link that is not there is undefined', () => {
    using pair = new TestPair();
    const { nearRoutes, nearLink } = pair;
    nearRoutes.setMtu(nearLink.index, 9000);
    assert.equal(pair.nearLink.mtu, 9000);
    pair.farRoutes.setUp(pair.farLink.index, false);
    assert.deepEqual([pair.nearLink.up, pair.nearLink.carrier], [true, false]);
    nearRoutes.setUp(nearLink.index, false);
    assert.equal(pair.nearLink.up, false);
    nearRoutes.rename(nearLink.index, 'other0');
    assert.equal(nearRoutes.link('pg0'), undefined);
    assert.equal(nearRoutes.link('other0')?.index, nearLink.index);
    nearRoutes.remove(nearLink.index);
    assert.deepEqual([nearRoutes.link('other0'), nearRoutes.link(nearLink.index)], [undefined, undefined]);
    for (const name of ['', 'x'.repeat(16), 'no such', 'a/b']) assert.equal(nearRoutes.link(name), undefined, name);
  });

  test('what the kernel refuses is thrown with its errno', () => {
    using pair = new TestPair();
    const { nearRoutes, nearLink } = pair;
    const veth = { name: 'pg0', mac: NEAR_MAC, peer: 'x', peerMac: FAR_MAC };
    assert.throws(() => nearRoutes.addVeth(veth), { message: 'netlink RTM_NEWLINK veth pg0: EEXIST' });
    assert.throws(() => nearRoutes.setMtu(nearLink.index, 1), { code: 'EINVAL' });
    assert.throws(() => nearRoutes.setUp(9999), { code: 'ENODEV' });
    assert.throws(() => nearRoutes.addVeth({ ...veth, mac: '02:00' }), /02:00 is no MAC address/);
    // The socket goes on after a refusal.
    assert.equal(nearRoutes.link('pg0')?.index, nearLink.index);
  });

  test('addresses: the first IPv4 one, the first link-local one that is not tentative', () => {
    using netns = Netns.create();
    using routes = netns.run(() => new RouteSocket());
    routes.addVeth({ name: 'a', mac: NEAR_MAC, peer: 'b', peerMac: FAR_MAC });
    const { index } = linkOf(routes, 'a');
    assert.deepEqual([routes.firstIpv4(index), routes.linkLocal(index)], [undefined, undefined]);
    routes.addAddress(index, Uint8Array.of(10, 1, 2, 3), 24);
    routes.addAddress(index, Uint8Array.of(10, 9, 9, 9), 16);
    assert.equal(routes.firstIpv4(index), 0x0a010203);
    const of = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
    routes.addAddress(index, of('20010db8000000000000000000000001'), 64);
    assert.equal(routes.linkLocal(index), undefined);
    routes.addAddress(index, of('fe800000000000000000000000000042'), 64);
    assert.deepEqual(routes.linkLocal(index), of('fe800000000000000000000000000042'));
    assert.equal(routes.firstIpv4(linkOf(routes, 'b').index), undefined);
  });

  test('links of default routes, also of one with several next hops', { skip: noIp() }, () => {
    using netns = Netns.create();
    using routes = netns.run(() => new RouteSocket());
    const ip = (line: string): void => {
      const { status, stderr } = netns.run(() => spawnSync('ip', line.split(' '), { encoding: 'utf8' }));
      assert.equal(status, 0, `ip ${line}: ${stderr}`);
    };
    for (const [name, peer, net] of [
      ['a', 'ap', 1],
      ['b', 'bp', 2],
      ['c', 'cp', 3],
    ] as const) {
      routes.addVeth({ name, mac: `02:00:00:00:01:0${net}`, peer, peerMac: `02:00:00:00:02:0${net}` });
      for (const end of [name, peer]) routes.setUp(linkOf(routes, end).index);
      routes.addAddress(linkOf(routes, name).index, Uint8Array.of(10, 0, net, 1), 24);
    }
    const found = (): string[] =>
      routes
        .defaultRouteLinks()
        .map((index) => routes.link(index)?.name ?? '?')
        .sort();
    assert.deepEqual(found(), []);
    ip('route add 10.5.0.0/16 via 10.0.3.2');
    ip('route add default via 10.0.3.2 table 100');
    ip('route add unreachable default metric 500');
    ip('-6 route add unreachable default');
    assert.deepEqual(found(), []);
    ip('route add default via 10.0.1.2 metric 7');
    assert.deepEqual(found(), ['a']);
    ip('route add default metric 5 nexthop via 10.0.2.2 nexthop via 10.0.1.2');
    assert.deepEqual(found(), ['a', 'b']);
    ip('-6 route add default dev c metric 9');
    assert.deepEqual(found(), ['a', 'b', 'c']);
  });
});

/** Why there is no program `ip` to set routes with; false when there is. */
function noIp(): string | false {
  return spawnSync('ip', ['-V']).status === 0 ? false : 'needs the program ip (Debian: iproute2)';
}

describe('link monitor', { skip: whyNoNetns }, () => {
  /** What happened, as words, and when. */
  async function watch(
    netns: Netns,
    act: (events: string[]) => Promise<void>,
    receiveBuffer?: number,
  ): Promise<string[]> {
    const events: string[] = [];
    const monitor = await netns.run(() =>
      LinkMonitor.start(
        {
          onRemoved: (index) => events.push(`removed ${index}`),
          onChanged: ({ name, up, carrier }) =>
            events.push(`${name} ${up ? 'up' : 'down'}${carrier ? ' carrier' : ''}`),
        },
        receiveBuffer,
      ),
    );
    try {
      await act(events);
    } finally {
      await monitor.close();
    }
    return events;
  }

  /** Waits until an event has come; gives the ms that took. */
  async function until(events: readonly string[], wanted: string): Promise<number> {
    const from = performance.now();
    while (!events.includes(wanted)) {
      assert.ok(performance.now() - from < 2000, `"${wanted}" did not come: ${events.join(', ')}`);
      await sleep(1);
    }
    return performance.now() - from;
  }

  test('tells of names, states, carriers and removals soon', async () => {
    using pair = new TestPair();
    const { nearRoutes, nearLink } = pair;
    const took: number[] = [];
    await watch(pair.near, async (events) => {
      const step = async (act: () => void, wanted: string): Promise<void> => {
        events.length = 0;
        act();
        took.push(await until(events, wanted));
      };
      await step(() => pair.farRoutes.setUp(pair.farLink.index, false), 'pg0 up');
      await step(() => pair.farRoutes.setUp(pair.farLink.index), 'pg0 up carrier');
      await step(() => nearRoutes.rename(nearLink.index, 'new0'), 'new0 up carrier');
      await step(() => nearRoutes.setUp(nearLink.index, false), 'new0 down');
      await step(() => nearRoutes.remove(nearLink.index), `removed ${nearLink.index}`);
    });
    // The carrier is told through a work queue of the kernel, up to a second later; the others at once.
    assert.ok(Math.max(...took.slice(2)) < 50, `ms: ${took.map(Math.round).join(' ')}`);
  });

  test('a link that leaves the namespace is removed; other namespaces are not told of', async () => {
    using pair = new TestPair();
    using other = Netns.create();
    const { index } = pair.nearLink;
    const events = await watch(pair.near, async (seen) => {
      other.run(() => {
        using routes = new RouteSocket();
        routes.addVeth({ name: 'else0', mac: NEAR_MAC, peer: 'else1', peerMac: FAR_MAC });
      });
      pair.nearRoutes.moveTo(index, other.fd);
      await until(seen, `removed ${index}`);
    });
    assert.equal(
      events.some((event) => event.startsWith('else')),
      false,
    );
  });

  for (const [receiveBuffer, what] of [
    [1, 'are lost, as there is no room for them'],
    [undefined, 'come all at once'],
  ] as const) {
    test(`no link is missed when notifications ${what}`, { skip: noIp() }, async () => {
      using netns = Netns.create();
      using routes = netns.run(() => new RouteSocket());
      for (let n = 0; n < 60; n++) {
        routes.addVeth({ name: `a${n}`, mac: NEAR_MAC, peer: `b${n}`, peerMac: FAR_MAC });
      }
      const links = routes.links().filter(({ name }) => name !== 'lo' && name !== 'b0');
      const [stays, ...go] = links;
      assert.ok(stays);
      const input = go.map((link) => `link set ${link.name} group 5\n`).join('');
      assert.equal(netns.run(() => spawnSync('ip', ['-batch', '-'], { input })).status, 0);
      await watch(
        netns,
        async (events) => {
          // The kernel removes them in one go and tells of each.
          assert.equal(netns.run(() => spawnSync('ip', ['link', 'del', 'group', '5'])).status, 0);
          routes.setMtu(stays.index, 1234);
          for (const { index } of go) await until(events, `removed ${index}`);
          assert.deepEqual(
            events.filter((event) => event === `removed ${stays.index}`),
            [],
          );
          const removed = events.filter((event) => event.startsWith('removed'));
          assert.equal(removed.length, new Set(removed).size);
        },
        receiveBuffer,
      );
    });
  }

  test('is started and closed again and again and leaves nothing', async () => {
    using pair = new TestPair();
    await watch(pair.near, async () => {});
    const before = held();
    for (let n = 0; n < 10; n++) await watch(pair.near, async () => {});
    assert.deepEqual(held(), before);
  });
});

describe('netlink sockets', { skip: whyNoNetns }, () => {
  test('are closed once, and refuse what does not exist', () => {
    const before = held();
    const socket = new NetlinkSocket(0);
    socket.close();
    socket.close();
    assert.throws(() => new NetlinkSocket(31), { code: 'EPROTONOSUPPORT' });
    assert.deepEqual(held(), before);
  });
});
