import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { configuration } from '../../tests/support/configuration.ts';
import { EXAMPLE_LINK, previewPackets } from '../cli/preview.ts';
import { dissect } from '../wire/dissect.ts';
import { formatIpv4 } from '../wire/ipv4-address.ts';

const packets = (lines: readonly string[], count: number): Uint8Array[] =>
  previewPackets([...lines, 'count 0'], count, EXAMPLE_LINK, 1_700_000_000).map((packet) => packet.bytes);
const u16 = (frame: Uint8Array, at: number): number => new DataView(frame.buffer).getUint16(at);
const address = (frame: Uint8Array, at: number): string => formatIpv4(new DataView(frame.buffer).getUint32(at));

/** What a walk visits: [lines, what is read of a frame, its values in order]. */
const walks: readonly (readonly [string, readonly string[], (frame: Uint8Array) => unknown, readonly unknown[]])[] = [
  [
    'ports leave out the last',
    ['udp_dst_min 100', 'udp_dst_max 103'],
    (f) => u16(f, 36),
    [101, 102, 100, 101, 102, 100],
  ],
  ['one port stays', ['udp_dst_min 100', 'udp_dst_max 101'], (f) => u16(f, 36), [100, 100, 100]],
  ['a range upside down is no range', ['udp_dst_min 100', 'udp_dst_max 50'], (f) => u16(f, 36), [100, 100]],
  [
    'addresses include the last',
    ['dst_min 10.0.0.1', 'dst_max 10.0.0.3'],
    (f) => address(f, 30),
    ['10.0.0.2', '10.0.0.3', '10.0.0.1', '10.0.0.2'],
  ],
  [
    'addresses run over into zero',
    ['src_min 255.255.255.254', 'src_max 255.255.255.255'],
    (f) => address(f, 26),
    ['255.255.255.255', '0.0.0.0', '0.0.0.1', '0.0.0.2'],
  ],
  [
    'MAC counts begin at offset 0 and carry into byte 1 at most',
    ['src_mac 02:ff:ff:ff:ff:fe', 'src_mac_count 3'],
    (f) => Buffer.from(f.subarray(6, 12)).toString('hex'),
    ['02fffffffffe', '02ffffffffff', '020000000000', '02fffffffffe'],
  ],
  ['sizes include the last', ['min_pkt_size 60', 'max_pkt_size 62'], (f) => f.length, [61, 62, 60, 61]],
  [
    'flows in sequence end after flowlen packets, each with its destination',
    ['flows 2', 'flowlen 2', 'flag FLOW_SEQ', 'dst_min 10.0.0.1', 'dst_max 10.0.0.9'],
    (f) => address(f, 30),
    ['10.0.0.2', '10.0.0.2', '10.0.0.3', '10.0.0.3', '10.0.0.4', '10.0.0.4'],
  ],
  [
    'tagged flows count for themselves',
    ['pkt_size 60', 'flow_tag 65535', 'flows 3', 'flowlen 1', 'flag FLOW_SEQ'],
    (f) => `tag ${u16(f, 58)} seq ${u16(f, 48)}`,
    ['tag 65535 seq 1', 'tag 0 seq 1', 'tag 1 seq 1', 'tag 65535 seq 2', 'tag 0 seq 2'],
  ],
  [
    'without flows a tag stays, and the device counts',
    ['pkt_size 60', 'flow_tag 7'],
    (f) => `tag ${u16(f, 58)} seq ${u16(f, 48)}`,
    ['tag 7 seq 1', 'tag 7 seq 2'],
  ],
  [
    'packets that have no room for a tag carry none',
    ['pkt_size 59', 'flow_tag 7', 'flows 3', 'flowlen 1', 'flag FLOW_SEQ'],
    (f) => `${f.length} bytes, seq ${u16(f, 48)}`,
    ['59 bytes, seq 1', '59 bytes, seq 2', '59 bytes, seq 3'],
  ],
  ['a default size has room', ['flow_tag 7'], (f) => `${f.length} bytes, tag ${u16(f, 58)}`, ['60 bytes, tag 7']],
  ['also for nanoseconds', ['timestamp_ns 1'], (f) => f.length, [62]],
];
for (const [name, lines, read, values] of walks) {
  test(`walk: ${name}`, () => {
    assert.deepEqual(packets(lines, values.length).map(read), values);
  });
}

/** Random draws: every value of the range, and none outside. */
const draws: readonly (readonly [string, readonly string[], (frame: Uint8Array) => number, number, number])[] = [
  ['ports', ['udp_src_min 100', 'udp_src_max 110', 'flag UDPSRC_RND'], (f) => u16(f, 34), 100, 109],
  ['sizes', ['min_pkt_size 60', 'max_pkt_size 66', 'flag TXSIZE_RND'], (f) => f.length, 60, 65],
  ['VLAN ids', ['vlan_id 5', 'flag VID_RND'], (f) => u16(f, 14) >> 8, 0, 15],
  ['MAC offsets', ['dst_mac_count 7', 'flag MACDST_RND'], (f) => f[5] ?? 0, 0, 6],
  ['addresses', ['src_min 10.0.0.0', 'src_max 10.0.0.8', 'flag IPSRC_RND'], (f) => f[29] ?? 0, 0, 7],
];
for (const [name, lines, read, low, high] of draws) {
  test(`random: ${name} from ${low} to ${high}, all of them about as often`, () => {
    const values = packets(lines, 4000).map(read);
    const expected = values.length / (high - low + 1);
    for (let value = low; value <= high; value++) {
      const seen = values.filter((one) => one === value).length;
      assert.ok(Math.abs(seen - expected) < expected / 2, `${value} came ${seen} times of ${values.length}`);
    }
    assert.deepEqual([Math.min(...values), Math.max(...values)], [low, high]);
  });
}

test('random destinations are unicast', () => {
  const frames = packets(['dst_min 0.0.0.1', 'dst_max 255.255.255.255', 'flag IPDST_RND'], 5000);
  const first = frames.map((frame) => frame[30] ?? 0);
  assert.ok(first.every((byte) => byte !== 0 && byte !== 127 && (byte < 224 || byte > 239)));
  assert.ok(new Set(first).size > 200);
});

test('imix sizes come as often as their weights say', () => {
  const lengths = packets(['imix_weights 64,7 570,4 1500,1'], 6000).map((frame) => frame.length);
  for (const [size, percent] of [
    [64, 58],
    [570, 33],
    [1500, 9],
  ] as const) {
    const seen = (100 * lengths.filter((length) => length === size).length) / lengths.length;
    assert.ok(Math.abs(seen - percent) < 3, `${size}: ${seen} %`);
  }
});

test('equal seeds give equal packets', () => {
  const lines = ['udp_src_min 1', 'udp_src_max 60000', 'flag UDPSRC_RND'];
  assert.deepEqual(packets(lines, 50), packets(lines, 50));
});

test('whatever is configured: right checksums and lengths, sequence numbers in order', () => {
  fc.assert(
    fc.property(configuration, (lines) => {
      const countsPerFlow = ['flow_tag', 'flows'].every((name) =>
        lines.some((line) => new RegExp(`^${name} [1-9]`).test(line)),
      );
      for (const [i, frame] of packets(lines, 40).entries()) {
        const { layers } = dissect(frame);
        const of = (name: string) => layers.find((layer) => layer.name === name);
        assert.deepEqual(of('malformed'), undefined);
        const [ip4, udp, pktgen] = [of('ipv4'), of('udp'), of('pktgen')];
        if (ip4?.name === 'ipv4') assert.equal(ip4.checksum, 'ok');
        // Behind MPLS labels there is nothing that says what comes.
        if (of('mpls')) continue;
        assert.ok(udp?.name === 'udp' && pktgen?.name === 'pktgen');
        assert.equal(udp.checksum, lines.includes('flag UDPCSUM') ? 'ok' : 'none');
        assert.equal(udp.missing, 0);
        if (!countsPerFlow) assert.equal(pktgen.header.seq, i + 1);
      }
    }),
    { numRuns: 400 },
  );
});
