import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeMachine } from '../support/fake-machine.ts';

const EINVAL = -22;
const E2BIG = -7;
const EBUSY = -16;
const ENODEV = -19;
const ENETDOWN = -100;
const EOPNOTSUPP = -95;
const EPERM = -1;

/** A write, what write(2) returns, and the result it leaves; undefined: the result of before. */
type Row = readonly [file: string, write: string, returned: number, result?: string];

const each = (values: readonly string[], row: (value: string) => Row): Row[] => values.map(row);

const NO_WORDS = [
  'xyz',
  'Count',
  'COUNT',
  'counts',
  'coun',
  'count:5',
  'count,5',
  'count;5',
  'count-5',
  'count/5',
  'count.5',
  'pktsize',
  'pkt-size',
  'pkt_sizes',
  'minpktsize',
  'src',
  'dst_',
  'src6_min',
  'src6_max',
  'dst_mac_min',
  'dst_mac_max',
  'src_mac_min',
  'udp_src',
  'udp_dst',
  'port',
  'vlan',
  'svlan',
  'vlanid',
  'ttl',
  'flags',
  'result',
  'start',
  'stop',
  'reset',
  'add_device',
  'rem_device_all',
  'help',
  '?',
  '--help',
  '-n',
  '1',
  '0',
  '!',
  '#count',
  '%s%n',
  '$(id)',
  '`id`',
  '../pg0',
  '/etc/passwd',
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
  'prototype',
  'config',
  'undefined',
  'null',
  '{}',
  '[]',
  '\u00ff',
  '\u0001',
  '\u007f',
  'é'.normalize('NFD').replace(/[^\x20-\x7e]/g, 'x'),
];
const BAD_MACS = [
  '',
  'xyz',
  '02',
  '02:00:00:00:00',
  '02:00:00:00:00:0',
  '02:00:00:00:00:0g',
  '2:0:0:0:0:2',
  'aa-bb-cc-dd-ee-ff',
  'aabb.ccdd.eeff',
  'aabbccddeeff',
  '02:00:00:00-00:09',
  ':02:00:00:00:00:01',
  '02::00:00:00:00:01',
  '0x02:00:00:00:00:01',
  '02:00:00: 00:00:01',
  'gg:gg:gg:gg:gg:gg',
];
const NO_RATES = ['', '0', '00', '000', '0000000000', 'abc', '-1', '+5', '.5', ',1', 'x1', '0x10', '0 5'];
const BAD_IMIX = [
  '',
  '60',
  '60,',
  '60,0',
  'abc',
  '60,1 ',
  '60,1  70,2',
  '60,1 x',
  '60,x',
  '60:1',
  '60 1',
  ';',
  '60,1 70',
  '60,1 70,',
  '60,1 70,0',
  '99999999999,1',
];
const NO_COMMANDS = [
  '',
  '\n',
  ' ',
  '\0',
  'START',
  'Start\n',
  'star\n',
  'startx\n',
  'startX',
  'start \n',
  ' start\n',
  '\tstart\n',
  'start\n\n',
  'start\r\n',
  'start\r',
  'start;stop\n',
  'start stop\n',
  'start now\n',
  'start=1\n',
  '"start"\n',
  'start\0\n',
  'start\n\0',
  'start\0\0',
  'stop!',
  'stop now\n',
  'stopp\n',
  'sto\n',
  'stop\nstart\n',
  'reset\r\n',
  'resets\n',
  'reset all\n',
  'rese\n',
  'restart\n',
  'pause\n',
  'help\n',
  '?\n',
  '1\n',
  '0\n',
  'run\n',
  'quit\n',
  'add_device pg1\n',
  'rem_device_all\n',
  'count 5\n',
  '%s%n\n',
  '\u00ff\u00fe\n',
  'constructor\n',
  '__proto__\n',
  'x'.repeat(128),
  'x'.repeat(129),
  'x'.repeat(5000),
  `start${'\0'.repeat(200)}`,
  `stop\n${'\0'.repeat(200)}`,
  `reset${' '.repeat(200)}\n`,
];
const NO_THREAD_COMMANDS = [
  '\n',
  ' ',
  '\0',
  'xyz\n',
  'ADD_DEVICE pg1\n',
  'Add_device pg1\n',
  'add_devic pg1\n',
  'add_devices pg1\n',
  'add device pg1\n',
  'add-device pg1\n',
  'rem_device\n',
  'rem_device pg0\n',
  'rem_device_al\n',
  'rem_device_all_x\n',
  'remove_device_all\n',
  'max_before_softir\n',
  'count 5\n',
  'start\n',
  'stop\n',
  'reset\n',
  '%s%n\n',
  '\u00ff\n',
  'constructor\n',
  '__proto__ 1\n',
  `${'x'.repeat(39)} pg1\n`,
  `${'x'.repeat(5000)}\n`,
];
const NO_DEVICES = [
  '',
  'nope',
  'PG0',
  'pg',
  'pg00',
  'pg9',
  'pg0p',
  'eth0:1',
  '@',
  '@0',
  '.',
  '..',
  '*',
  'pg0,pg1',
  'pg0;pg1',
  '-1',
  '0',
  '%s',
  'constructor',
  '__proto__',
  '\u00ff',
  'x'.repeat(15),
  'x'.repeat(31),
  'x'.repeat(200),
];

const rows: readonly Row[] = [
  ...each(NO_WORDS, (name) => ['pg0', `${name} 1\n`, EINVAL, `No such parameter "${name.slice(0, 15)}"`]),
  ...each(NO_WORDS, (name) => ['pg0', name, EINVAL, `No such parameter "${name.slice(0, 15)}"`]),
  ...each(['\n', ' ', '\t', '""', '"', '= =', '\0', '\0count 5', '\r\n', ' \0'], (blank) => [
    'pg0',
    blank,
    EINVAL,
    'No such parameter ""',
  ]),
  ['pg0', '', EINVAL],
  ...each(BAD_MACS, (mac) => ['pg0', `dst_mac ${mac}\n`, EINVAL]),
  ...each(BAD_MACS, (mac) => ['pg0', `src_mac ${mac}\n`, EINVAL]),
  ...each(NO_RATES, (rate) => ['pg0', `rate ${rate}\n`, EINVAL]),
  ...each(NO_RATES, (rate) => ['pg0', `ratep ${rate}\n`, EINVAL]),
  ...each(BAD_IMIX, (imix) => ['dum1', `imix_weights ${imix}\n`, EINVAL]),
  ['dum1', `imix_weights ${Array.from({ length: 21 }, (_, i) => `${60 + i},1`).join(' ')}\n`, E2BIG],
  ['dum1', `mpls ${Array.from({ length: 17 }, () => '0001000a').join(',')}\n`, E2BIG],
  ['dum1', `mpls ${Array.from({ length: 40 }, () => '1').join(',')}\n`, E2BIG],
  ...each(['1', '2', '7', '10', '4294967296', '9999999999', '"5"', '=5', '5 6'], (n) => [
    'pg0',
    `clone_skb ${n}\n`,
    EOPNOTSUPP,
  ]),
  ...each(['2', '7', '32', '4294967296', '9999999999', '"5"', '=5', '5 6'], (n) => ['pg0', `burst ${n}\n`, EOPNOTSUPP]),
  ...each(['', '0', '4', 'x', 'g0', '0g', '-1', '0x10', '=', '"'], (tos) => [
    'pg0',
    `tos ${tos}\n`,
    `tos ${tos}\n`.length,
    'ERROR: tos must be 00-ff',
  ]),
  ...each(['', '0', '4', 'x', 'g0', '0g'], (value) => [
    'pg0',
    `traffic_class ${value}\n`,
    `traffic_class ${value}\n`.length,
    'ERROR: traffic_class must be 00-ff',
  ]),
  ...each(['1', '7', '8', '9', 'x'], (n) => ['pg0', `vlan_p ${n}\n`, 9 + n.length - 1, 'ERROR: vlan_p must be 0-7']),
  ...each(['0', '1', '2', '9'], (n) => ['pg0', `vlan_cfi ${n}\n`, 11, 'ERROR: vlan_cfi must be 0-1']),
  ...each(['0', '1', '8', '9'], (n) => ['pg0', `svlan_p ${n}\n`, 10, 'ERROR: svlan_p must be 0-7']),
  ...each(['0', '1', '2', '9'], (n) => ['pg0', `svlan_cfi ${n}\n`, 12, 'ERROR: svlan_cfi must be 0-1']),
  ...each(['1', '7', '64', '9999', '4294967295', '9999999999'], (n) => [
    'pg0',
    `node ${n}\n`,
    `node ${n}\n`.length,
    'ERROR: node not possible',
  ]),
  ...each(NO_COMMANDS, (command) => ['pgctrl', command, EINVAL]),
  ['kpktgend_0', '', EINVAL],
  ...each(NO_THREAD_COMMANDS, (command) => ['kpktgend_0', command, EINVAL]),
  ...each(NO_DEVICES, (name) => [
    'kpktgend_1',
    `add_device ${name}\n`,
    ENODEV,
    `ERROR: can not add device ${name.slice(0, 31)}`,
  ]),
  ['kpktgend_1', 'add_device lo\n', EINVAL, 'ERROR: can not add device lo'],
  ['kpktgend_1', 'add_device lo@1\n', EINVAL, 'ERROR: can not add device lo@1'],
  ['kpktgend_1', 'add_device pg1@a/b\n', EINVAL, 'ERROR: can not add device pg1@a/b'],
  ['kpktgend_1', 'add_device pg0\n', EBUSY, 'ERROR: can not add device pg0'],
  ['kpktgend_1', 'add_device "pg0"\n', EBUSY, 'ERROR: can not add device pg0'],
  ['kpktgend_0', 'add_device=pg0\n', EBUSY, 'ERROR: can not add device pg0'],
  ['kpktgend_1', 'add_device down0\n', ENETDOWN, 'ERROR: can not add device down0'],
  ['nofile', 'count 5\n', -2],
  ['pg1', 'count 5\n', -2],
  ['', 'count 5\n', -2],
];

test(`malformed writes (${rows.length} rows): errno or text, and nothing changes`, async () => {
  assert.ok(rows.length >= 300, `only ${rows.length} rows`);
  const { pktgen, machine } = fakeMachine();
  machine.addLink('down0', 'veth', '02:00:00:00:00:09', false);
  await pktgen.write('kpktgend_0', 'add_device pg0\n', machine.root);
  await pktgen.write('kpktgend_0', 'add_device dum1\n', machine.root);
  const withoutResult = (file: string): string | undefined => pktgen.read(file)?.replace(/Result: .*/s, '');
  for (const [file, write, returned, result] of rows) {
    const what = `${file} <- ${JSON.stringify(write.slice(0, 60))}`;
    // The kernel keeps the pairs that it read before a bad one, and no labels.
    if (file === 'dum1') await pktgen.write('dum1', 'imix_weights 60,1\n', machine.root);
    const before = [pktgen.list(), withoutResult(file), pktgen.read(file), pktgen.device('pg0')?.config] as const;
    assert.equal(await pktgen.write(file, write, machine.root), returned, what);
    assert.deepEqual(pktgen.list(), before[0], `${what}: files`);
    if (file !== 'dum1') assert.equal(withoutResult(file), before[1], `${what}: text`);
    assert.deepEqual(pktgen.device('pg0')?.config, before[3], `${what}: configuration`);
    if (result !== undefined) assert.match(pktgen.read(file) ?? '', new RegExp(`Result: ${literally(result)}\n`), what);
    else if (file !== 'dum1') assert.equal(pktgen.read(file), before[2], `${what}: result`);
  }
});

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

test('pgctrl wants CAP_NET_ADMIN, whoever may write to the file', async () => {
  const { pktgen, machine } = fakeMachine();
  for (const command of ['start\n', 'stop\n', 'reset\n', 'bogus\n']) {
    assert.equal(await pktgen.write('pgctrl', command, { ...machine.root, capable: false }), EPERM);
  }
});
