import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseTransmitter, type LinkFacts, type MachineFacts, probeLines } from './probe.ts';

const ROOT: MachineFacts = { kernel: '6.18.1', uid: 0, missing: [], cpus: [0, 1] };
const USER: MachineFacts = { ...ROOT, uid: 1000, missing: ['CAP_NET_RAW', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'] };
const NIC: LinkFacts = {
  name: 'eth1',
  ethernet: true,
  loopback: false,
  up: true,
  carrier: true,
  mtu: 1500,
  mac: '02:00:00:00:00:01',
  ipv4: '198.18.0.1',
  ipv6: 'fe80::1',
  txQueues: 4,
  queues: { xps: [[0], [1], [], []], irqs: [] },
  sharesSkb: true,
  defaultRoute: false,
};

/** The report, with its columns' blanks made one. */
const report = (machine: MachineFacts, link?: LinkFacts): string =>
  probeLines({ machine, ...(link && { link }), transmitter: chooseTransmitter(machine, link) })
    .map((line) => line.replace(/ +/g, ' '))
    .join('\n');

const MACHINE: readonly (readonly [what: string, machine: MachineFacts, says: readonly string[]])[] = [
  [
    'root',
    ROOT,
    [
      'kernel Linux 6.18.1',
      'user root, nothing is missing',
      '/dev/fuse can be opened',
      'threads kpktgend_0 kpktgend_1',
      'AF_XDP for chosen transmit queues and fragments\n',
      'transmitter live: ',
    ],
  ],
  [
    'an ordinary user',
    USER,
    [
      'user id 1000\n',
      ' CAP_NET_RAW is missing, needed to send to a link',
      ' CAP_NET_ADMIN is missing, needed to write to the control files',
      ' CAP_SYS_ADMIN is missing, needed to mount',
      'transmitter none: nothing can be sent as things are; missing: CAP_NET_RAW: run it with sudo',
    ],
  ],
  ['no FUSE', { ...ROOT, fuseError: 'ENOENT' }, ['/dev/fuse cannot be opened (ENOENT): load the module', '--no-mount']],
  ['FUSE not for us', { ...ROOT, fuseError: 'EACCES' }, ['/dev/fuse cannot be opened (EACCES): run it as root']],
  ['FUSE with another errno', { ...ROOT, fuseError: 'EIO' }, ['(EIO): look at its permissions']],
  [
    'a quota for less than the threads',
    { ...ROOT, quota: { cpus: 1.5, periodUs: 100_000, file: '/sys/fs/cgroup/box/cpu.max' } },
    [
      'CPU quota 1.5 CPUs (/sys/fs/cgroup/box/cpu.max) for 2 threads: when all send, none does for a part of each 100 ms: use 1 of them (-t 1), or raise it',
    ],
  ],
  [
    'a quota for less than one thread',
    { ...ROOT, quota: { cpus: 0.25, periodUs: 100_000, file: '/cpu.max' } },
    ['CPU quota 0.25 CPUs (/cpu.max) for 2 threads', 'of each 100 ms: raise it\n'],
  ],
  [
    'a quota that is enough',
    { ...ROOT, quota: { cpus: 2, periodUs: 100_000, file: '/cpu.max' } },
    ['CPU quota 2 CPUs (/cpu.max), enough for all threads'],
  ],
  ['no AF_XDP', { ...ROOT, noXsk: 'socket AF_XDP: EAFNOSUPPORT' }, ['AF_XDP none: socket AF_XDP: EAFNOSUPPORT']],
  ['user namespaces', ROOT, ['user namespaces allowed']],
  [
    'no user namespaces',
    { ...ROOT, userNamespacesForbiddenBy: 'user.max_user_namespaces = 0' },
    ['user namespaces forbidden (user.max_user_namespaces = 0): the private lab wants root'],
  ],
];

const LINK: readonly (readonly [what: string, link: LinkFacts, says: readonly string[]])[] = [
  [
    'a NIC',
    NIC,
    [
      'link eth1: network card, Ethernet, up, carrier',
      'MTU 1500: frames of up to 1514 bytes, 1518 with a VLAN tag',
      'MAC 02:00:00:00:00:01',
      'source addresses 198.18.0.1, fe80::1',
      'transmit queues 4',
      'clone_skb, burst possible\n',
      'default route does not lead out of it',
      'transmitter live: ',
    ],
  ],
  [
    'a veth',
    { ...NIC, kind: 'veth', sharesSkb: false },
    ['link eth1: veth, Ethernet', 'clone_skb, burst not possible: a veth cannot be handed the same packet'],
  ],
  [
    'queues that threads share',
    { ...NIC, txQueues: 1 },
    ['transmit queues 1\n one transmit queue for 2 threads: those that share one wait'],
  ],
  [
    'a driver that reads packets where they lie',
    { ...NIC, zeroCopy: true },
    ['AF_XDP for chosen transmit queues and fragments; without copies by name ("transmitter xsk_zc")'],
  ],
  ['a link with the default route', { ...NIC, defaultRoute: true }, ['default route leads out of it', '--force']],
  [
    'a link that is down',
    { ...NIC, up: false, carrier: false },
    ['Ethernet, down, no carrier', 'transmitter none: ', 'eth1 is down: ip link set eth1 up'],
  ],
  ['a link without carrier', { ...NIC, carrier: false }, ['transmitter none: ', 'nothing is connected to eth1']],
  [
    'loopback',
    { ...NIC, name: 'lo', ethernet: false, loopback: true, sharesSkb: false },
    ['link lo: loopback, not Ethernet', 'transmitter none: ', 'an Ethernet link: lo is none'],
  ],
];

/** NIC without its addresses. */
const { ipv4: _ipv4, ipv6: _ipv6, ...BARE } = NIC;

describe('probe', () => {
  for (const [what, machine, says] of MACHINE) {
    test(what, () => {
      for (const text of says) assert.ok(report(machine).includes(text), `${text}\nis not in\n${report(machine)}`);
    });
  }
  for (const [what, link, says] of LINK) {
    test(what, () => {
      for (const text of says)
        assert.ok(report(ROOT, link).includes(text), `${text}\nis not in\n${report(ROOT, link)}`);
    });
  }

  test('without addresses zero ones are used', () => {
    assert.ok(report(ROOT, BARE).includes('source addresses 0.0.0.0 (it has no IPv4 address), :: (no link-local one)'));
  });

  test('the transmitter is the last line, and why it is not a faster one is said', () => {
    assert.match(report(ROOT, NIC).split('\n').at(-1) ?? '', /^transmitter live: /);
    const slow = { ...NIC, noLive: 'its driver takes none' };
    assert.match(
      report(ROOT, slow).split('\n').at(-1) ?? '',
      /^transmitter ring: .*live frames: its driver takes none$/,
    );
    const old = { ...ROOT, noLive: 'this kernel is old' };
    assert.match(report(old, slow).split('\n').at(-1) ?? '', /^transmitter ring: .*live frames: this kernel is old$/);
  });

  test('all that is missing is said, not only the first', () => {
    const { name, missing } = chooseTransmitter(USER, { ...NIC, up: false });
    assert.equal(name, undefined);
    assert.equal(missing.length, 2);
  });
});
