import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { goldenFolder } from '../../tests/support/golden.ts';
import { describe, dissect } from './dissect.ts';
import type { Layer } from './layer.ts';
import { readPcap } from './pcap.ts';

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const lines = (hex: string): string[] => describe(dissect(fromHex(hex)));

const ethernet = '020000000002 020000000001';
const ipv4 = '4500 002c 0003 0000 2011 86aa 0a090001 0a090002';
const udp = '0009 0009 0018 0000';
const pktgen = 'be9be955 00000001 6553f100 0001e240';
const ethernetLine = 'Ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, type';
const ipv4Line = 'IPv4 10.9.0.1 > 10.9.0.2, ttl 32, id 3, length 44, checksum ok';
const udpLine = 'UDP 9 > 9, length 24, checksum none';
const espLine = 'ESP spi 0x00001000, seq 5';
const protocolLine = (protocol: string): string => ipv4Line.replace(', checksum', `, protocol ${protocol}, checksum`);
const pktgenLine = 'pktgen seq 1, time 1700000000.123456';
const inner = `${ipv4} ${udp} ${pktgen}`;
const innerLines = [ipv4Line, udpLine, pktgenLine];
const ipv6 = (class_: string, length: string, next: string): string =>
  `6${class_}00000 ${length} ${next} 20 fd00${'00'.repeat(13)}01 fd00${'00'.repeat(13)}02`;

const cases: Record<string, [string, string[]]> = {
  'a plain packet': [`${ethernet} 0800 ${inner}`, [`${ethernetLine} 0x0800 IPv4`, ...innerLines]],
  'no time and a payload': [
    `${ethernet} 0800 4510 0030 0003 4000 2011 4696 0a090001 0a090002 0009 0009 001c 0000 be9be955 ffffffff 00000000 00000000 01020304`,
    [
      `${ethernetLine} 0x0800 IPv4`,
      'IPv4 10.9.0.1 > 10.9.0.2, ttl 32, id 3, length 48, tos 0x10, do not fragment, checksum ok',
      'UDP 9 > 9, length 28, checksum none',
      'pktgen seq 4294967295, no time',
      'payload, 4 bytes',
    ],
  ],
  'a tag': [
    `${ethernet} 8100 7005 0800 ${inner}`,
    [`${ethernetLine} 0x8100 802.1Q`, '802.1Q id 5, priority 3, drop eligible, type 0x0800 IPv4', ...innerLines],
  ],
  'two tags': [
    `${ethernet} 88a8 0064 8100 6005 0800 ${inner}`,
    [
      `${ethernetLine} 0x88a8 802.1ad`,
      '802.1ad id 100, priority 0, type 0x8100 802.1Q',
      '802.1Q id 5, priority 3, type 0x0800 IPv4',
      ...innerLines,
    ],
  ],
  labels: [
    `${ethernet} 8847 00010020 00002140 ${inner}`,
    [`${ethernetLine} 0x8847 MPLS`, 'MPLS 16 (class 0, ttl 32) > 2 (class 0, ttl 64)', ...innerLines],
  ],
  'a label before IPv6': [
    `${ethernet} 8847 00010120 ${ipv6('00', '0018', '11')} ${udp} ${pktgen}`,
    [
      `${ethernetLine} 0x8847 MPLS`,
      'MPLS 16 (class 0, ttl 32)',
      'IPv6 fd00::1 > fd00::2, hop limit 32, payload 24',
      udpLine,
      pktgenLine,
    ],
  ],
  'a label before neither': [
    `${ethernet} 8847 00010120 0102`,
    [`${ethernetLine} 0x8847 MPLS`, 'MPLS 16 (class 0, ttl 32)', 'payload, 2 bytes'],
  ],
  'padding of a short frame': [
    `${ethernet} 0800 ${inner} 0000`,
    [`${ethernetLine} 0x0800 IPv4`, ...innerLines, 'padding, 2 bytes behind the IP packet'],
  ],
  'padding inside and outside': [
    `${ethernet} 0800 ${ipv4} 0009 0009 000a 0000 ${pktgen} 00`,
    [
      `${ethernetLine} 0x0800 IPv4`,
      ipv4Line,
      'UDP 9 > 9, length 10, checksum none',
      'payload, 2 bytes',
      'padding, 14 bytes behind the UDP packet',
      'padding, 1 byte behind the IP packet',
    ],
  ],
  'a wrong header checksum': [
    `${ethernet} 0800 ${inner.replace('86aa', '86ab')}`,
    [`${ethernetLine} 0x0800 IPv4`, ipv4Line.replace('ok', '0x86ab wrong, should be 0x86aa'), udpLine, pktgenLine],
  ],
  'a packet cut in the payload': [
    `${ethernet} 0800 ${ipv4} 0009 0009 0018 1234 ${pktgen.slice(0, -2)}`,
    [
      `${ethernetLine} 0x0800 IPv4`,
      `${ipv4Line}, 1 byte missing`,
      'UDP 9 > 9, length 24, checksum 0x1234 not checked, 1 byte missing',
      'payload, 15 bytes',
    ],
  ],
  'another magic': [
    `${ethernet} 0800 ${ipv4} ${udp} ${pktgen.replace('be', 'bf')}`,
    [`${ethernetLine} 0x0800 IPv4`, ipv4Line, udpLine, 'payload, 16 bytes'],
  ],
  'another protocol': [
    `${ethernet} 0800 ${ipv4.replace('2011 86aa', '202f 868c')} 01020304`,
    [
      `${ethernetLine} 0x0800 IPv4`,
      'IPv4 10.9.0.1 > 10.9.0.2, ttl 32, id 3, length 44, protocol 47, checksum ok, 20 bytes missing',
      'payload, 4 bytes',
    ],
  ],
  ESP: [
    `${ethernet} 0800 ${ipv4.replace('2011 86aa', '2032 8689')} 00001000 00000005 ${'aa'.repeat(16)}`,
    [`${ethernetLine} 0x0800 IPv4`, protocolLine('50 ESP'), espLine, 'payload, 16 bytes'],
  ],
  'ESP in UDP, by its port': [
    `${ethernet} 0800 ${ipv4} 1194 0009 0018 0000 00001000 00000005 ${'aa'.repeat(8)}`,
    [`${ethernetLine} 0x0800 IPv4`, ipv4Line, udpLine.replace('9 >', '4500 >'), espLine, 'payload, 8 bytes'],
  ],
  'no ESP at its port: a key exchange': [
    `${ethernet} 0800 ${ipv4} 1194 0009 0018 0000 00000000 00000005 ${'aa'.repeat(8)}`,
    [`${ethernetLine} 0x0800 IPv4`, ipv4Line, udpLine.replace('9 >', '4500 >'), 'payload, 16 bytes'],
  ],
  'no ESP at its port: a pktgen packet': [
    `${ethernet} 0800 ${ipv4} 0009 1194 0018 0000 ${pktgen}`,
    [`${ethernetLine} 0x0800 IPv4`, ipv4Line, udpLine.replace('> 9', '> 4500'), pktgenLine],
  ],
  'a cut ESP header': [
    `${ethernet} 86dd ${ipv6('00', '0004', '32')} 00001000`,
    [
      `${ethernetLine} 0x86dd IPv6`,
      'IPv6 fd00::1 > fd00::2, hop limit 32, payload 4, next 50 ESP',
      'malformed ESP: cut, 4 of 8 bytes',
    ],
  ],
  'AH, and what it signs': [
    `${ethernet} 86dd ${ipv6('00', '0030', '33')} 1104 0000 00001000 00000005 ${'00112233'.repeat(3)} ${udp} ${pktgen}`,
    [
      `${ethernetLine} 0x86dd IPv6`,
      'IPv6 fd00::1 > fd00::2, hop limit 32, payload 48, next 51 AH',
      'AH spi 0x00001000, seq 5, ICV 001122330011223300112233',
      udpLine,
      pktgenLine,
    ],
  ],
  'AH with a bad length': [
    `${ethernet} 86dd ${ipv6('00', '000c', '33')} 1105 0000 00001000 00000005`,
    [
      `${ethernetLine} 0x86dd IPv6`,
      'IPv6 fd00::1 > fd00::2, hop limit 32, payload 12, next 51 AH',
      'malformed AH: bad length',
    ],
  ],
  'tunnels: IPv4 in AH in IPv6, IPv6 in IPv4': [
    `${ethernet} 0800 4500 0088 0003 0000 2029 8636 0a090001 0a090002 ${ipv6('00', '004c', '33')}
     0404 0000 00001000 00000005 ${'00112233'.repeat(3)} 4500 0034 0003 0000 2011 86a2 0a090001 0a090002
     0009 0009 0018 0000 ${pktgen} 01020304 05060708`.replaceAll('\n', ''),
    [
      `${ethernetLine} 0x0800 IPv4`,
      'IPv4 10.9.0.1 > 10.9.0.2, ttl 32, id 3, length 136, protocol 41 IPv6, checksum ok',
      'IPv6 fd00::1 > fd00::2, hop limit 32, payload 76, next 51 AH',
      'AH spi 0x00001000, seq 5, ICV 001122330011223300112233, next 4 IPv4',
      ipv4Line.replace('44', '52'),
      udpLine,
      pktgenLine,
      'padding, 8 bytes behind the UDP packet',
    ],
  ],
  'a later fragment, which has no UDP header': [
    `${ethernet} 0800 4500 0018 0003 0001 2011 86bd 0a090001 0a090002 01020304`,
    [
      `${ethernetLine} 0x0800 IPv4`,
      'IPv4 10.9.0.1 > 10.9.0.2, ttl 32, id 3, length 24, fragment at 8 (the last), checksum ok',
      'payload, 4 bytes',
    ],
  ],
  'options and a first fragment': [
    `${ethernet} 0800 4600 0020 0003 2000 2011 6192 0a090001 0a090002 01010101 0009 0009 0018 0000`,
    [
      `${ethernetLine} 0x0800 IPv4`,
      'IPv4 10.9.0.1 > 10.9.0.2, ttl 32, id 3, length 32, fragment at 0, options 4 bytes, checksum 0x6192 wrong, should be 0x63b4',
      'UDP 9 > 9, length 24, checksum none, 16 bytes missing',
    ],
  ],
  'IPv6 with class, flow and another next header': [
    `${ethernet} 86dd 6ab12345 0004 3a ff fd00${'00'.repeat(13)}01 ff02${'00'.repeat(13)}01 80000000`,
    [
      `${ethernetLine} 0x86dd IPv6`,
      'IPv6 fd00::1 > ff02::1, hop limit 255, payload 4, class 0xab, flow 0x12345, next 58 ICMPv6',
      'payload, 4 bytes',
    ],
  ],
  'another type': [`${ethernet} 0806 0001`, [`${ethernetLine} 0x0806 ARP`, 'payload, 2 bytes']],
  'an unknown type': [`${ethernet} 1234`, [`${ethernetLine} 0x1234`]],
  nothing: ['', ['malformed Ethernet: cut, 0 of 14 bytes']],
  'a cut Ethernet header': [ethernet, ['malformed Ethernet: cut, 12 of 14 bytes']],
  'a cut tag': [`${ethernet} 8100 00`, [`${ethernetLine} 0x8100 802.1Q`, 'malformed 802.1Q tag: cut, 1 of 4 bytes']],
  'a cut outer tag': [
    `${ethernet} 88a8`,
    [`${ethernetLine} 0x88a8 802.1ad`, 'malformed 802.1ad tag: cut, 0 of 4 bytes'],
  ],
  'a cut label': [`${ethernet} 8847 0000`, [`${ethernetLine} 0x8847 MPLS`, 'malformed MPLS stack: cut, 2 of 4 bytes']],
  'no last label': [
    `${ethernet} 8847 00001000 0000`,
    [`${ethernetLine} 0x8847 MPLS`, 'malformed MPLS stack: the frame ends before its last label'],
  ],
  'a cut IPv4 header': [`${ethernet} 0800 4500`, [`${ethernetLine} 0x0800 IPv4`, 'malformed IPv4: cut, 2 of 20 bytes']],
  'a bad IPv4 header': [
    `${ethernet} 0800 ${ipv4.replace('45', '44')}`,
    [`${ethernetLine} 0x0800 IPv4`, 'malformed IPv4: bad version or length'],
  ],
  'a cut IPv6 header': [`${ethernet} 86dd 60`, [`${ethernetLine} 0x86dd IPv6`, 'malformed IPv6: cut, 1 of 40 bytes']],
  'a bad IPv6 header': [
    `${ethernet} 86dd ${ipv6('00', '0000', '11').replace('6', '5')}`,
    [`${ethernetLine} 0x86dd IPv6`, 'malformed IPv6: bad version'],
  ],
  'a cut UDP header': [
    `${ethernet} 0800 ${ipv4} 0009`,
    [`${ethernetLine} 0x0800 IPv4`, `${ipv4Line}, 22 bytes missing`, 'malformed UDP: cut, 2 of 8 bytes'],
  ],
  'a UDP header that the IP length cuts, whatever follows': [
    `${ethernet} 86dd ${ipv6('00', '0004', '11')} ${udp}`,
    [
      `${ethernetLine} 0x86dd IPv6`,
      'IPv6 fd00::1 > fd00::2, hop limit 32, payload 4',
      'malformed UDP: cut, 4 of 8 bytes',
      'padding, 4 bytes behind the IP packet',
    ],
  ],
  'a bad UDP length': [
    `${ethernet} 0800 ${ipv4} 0009 0009 0007 0000 ${pktgen}`,
    [`${ethernetLine} 0x0800 IPv4`, ipv4Line, 'malformed UDP: bad length'],
  ],
};
for (const [what, [hex, wanted]] of Object.entries(cases)) {
  test(`dissect ${what}`, () => {
    assert.deepEqual(lines(hex), wanted);
  });
}

/** The same datagram with each state of its checksum. */
const udpChecksums: Record<string, string> = {
  '0000': 'checksum none',
  ead2: 'checksum ok',
  '1430': 'checksum 0x1430 of the pseudo-header only, should be 0xead2',
  ead3: 'checksum 0xead3 wrong, should be 0xead2',
};
for (const [checksum, text] of Object.entries(udpChecksums)) {
  test(`a UDP checksum field of ${checksum}: ${text}`, () => {
    const frame = `${ethernet} 0800 4500 001e 0003 0000 2011 86b8 0a090001 0a090002 0009 0009 000a ${checksum} 00e1`;
    assert.equal(lines(frame)[2], `UDP 9 > 9, length 10, ${text}`);
  });
}

test('layers lie one behind the other and fill the frame, in a view inside a larger buffer', () => {
  const frame = fromHex(`${ethernet} 8100 7005 8847 00010020 00002140 ${inner} 0102`);
  const buffer = new Uint8Array(frame.length + 9);
  buffer.set(frame, 4);
  const { layers, frameLen } = dissect(buffer.subarray(4, 4 + frame.length));
  assert.equal(frameLen, frame.length);
  assert.deepEqual(
    layers.map(({ name, offset, length }) => [name, offset, length]),
    [
      ['ethernet', 0, 14],
      ['vlan', 14, 4],
      ['mpls', 18, 8],
      ['ipv4', 26, 20],
      ['udp', 46, 8],
      ['pktgen', 54, 16],
      ['padding', 70, 2],
    ],
  );
});

test('a frame of nothing but tags is no recursion too deep', () => {
  const frame = new Uint8Array(1 << 20);
  for (let at = 12; at + 1 < frame.length; at += 4) frame.set([0x81, 0x00], at);
  assert.equal(dissect(frame).layers.at(-1)?.name, 'malformed');
});

interface GoldenFrame {
  readonly file: string;
  readonly layers: readonly Layer[];
  readonly whole: boolean;
}
const goldenFrames = (folder: string): GoldenFrame[] =>
  readdirSync(join(goldenFolder, folder))
    .filter((file) => file.endsWith('.pcap'))
    .flatMap((file) =>
      readPcap(readFileSync(join(goldenFolder, folder, file))).records.map(({ bytes, originalLen }) => ({
        file,
        layers: dissect(bytes).layers,
        whole: bytes.length === originalLen,
      })),
    );
const names = (layers: readonly Layer[]): string => layers.map((layer) => layer.name).join(' ');
const find = <N extends Layer['name']>(layers: readonly Layer[], name: N) =>
  layers.find((layer): layer is Extract<Layer, { name: N }> => layer.name === name);

for (const folder of ['data', 'clone']) {
  test(`every frame of golden/${folder} is understood, and its checksums are right`, () => {
    const frames = goldenFrames(folder);
    assert.ok(frames.length > 200, `${frames.length} frames`);
    let sent = 0;
    for (const { file, layers, whole } of frames) {
      const what = `${file}: ${names(layers)}`;
      assert.ok(!find(layers, 'malformed'), what);
      const ip = find(layers, 'ipv4') ?? find(layers, 'ipv6');
      assert.ok(ip, what);
      if (whole) assert.equal(ip.missing, 0, what);
      if (ip.name === 'ipv4') assert.equal(ip.checksum, 'ok', what);
      const packet = find(layers, 'pktgen');
      const udpLayer = find(layers, 'udp');
      // What is no pktgen packet is the link's own ICMPv6, or encrypted.
      const protocol = ip.name === 'ipv4' ? ip.header.protocol : ip.header.nextHeader;
      assert.equal(packet !== undefined, protocol === 17 || protocol === 51, what);
      if (!udpLayer || !packet) continue;
      sent++;
      const expected = file.startsWith('udpcsum') ? [file.includes('offload') ? 'partial' : 'ok'] : ['none'];
      assert.ok(expected.includes(udpLayer.checksum), `${what}: ${udpLayer.checksum}`);
    }
    assert.ok(sent > 200, `${sent} packets`);
  });
}

test('tags and labels of the goldens are found where the configuration put them', () => {
  const stacks = new Map<string, Set<string>>();
  for (const { file, layers } of goldenFrames('data')) {
    const stack = names(layers.filter((layer) => layer.name !== 'payload'));
    stacks.set(file, (stacks.get(file) ?? new Set()).add(stack));
  }
  const tail = 'ipv4 udp pktgen';
  const wanted: Record<string, string> = {
    'default-1.pcap': `ethernet ${tail}`,
    'vlan.pcap': `ethernet vlan ${tail}`,
    'svlan-vlan.pcap': `ethernet vlan vlan ${tail}`,
    'mpls-3.pcap': `ethernet mpls ${tail}`,
    'ipv6-tc.pcap': 'ethernet ipv6 udp pktgen',
  };
  for (const [file, stack] of Object.entries(wanted)) assert.deepEqual([...(stacks.get(file) ?? [])], [stack], file);
});

test('the sequence numbers of a golden run count from 1', () => {
  const seqs = goldenFrames('data')
    .filter(({ file }) => file === 'default-20.pcap')
    .map(({ layers }) => find(layers, 'pktgen')?.header.seq);
  assert.deepEqual(
    seqs,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
});
