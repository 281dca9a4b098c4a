import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AhHeader, emitAh, parseAh } from './ah.ts';
import { type EspHeader, type EspTrailer, emitEsp, emitEspTrailer, parseEsp, parseEspTrailer } from './esp.ts';
import { type EthernetHeader, emitEthernet, parseEthernet } from './ethernet.ts';
import { emitIpv4, type Ipv4Header, parseIpv4 } from './ipv4.ts';
import { emitIpv6, type Ipv6Header, parseIpv6 } from './ipv6.ts';
import { emitMpls, type MplsLabel, parseMpls } from './mpls.ts';
import { emitPktgen, type PktgenHeader, parsePktgen } from './pktgen-header.ts';
import { emitUdp, parseUdp, type UdpHeader } from './udp.ts';
import { emitVlan, parseVlan, tci, type VlanTag } from './vlan.ts';

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);
const v6 = (last: number): Uint8Array => Uint8Array.of(0xfd, ...new Array(14).fill(0), last);

/** All that a header has to hold, in one shape; `wrong` are values that no field can carry. */
interface HeaderRows<H> {
  readonly emit: (frame: DataView, at: number, header: H) => void;
  readonly parse: (frame: DataView, at: number) => unknown;
  readonly cases: readonly { readonly hex: string; readonly header: H }[];
  readonly malformed: Record<string, string>;
  readonly wrong: Record<string, H>;
  readonly any: fc.Arbitrary<H>;
}

/** Plain objects: without this some have no prototype, which deepEqual sees. */
const recordOf = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { noNullPrototype: true });

const byte = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const ethernetHeader: EthernetHeader = { dst: mac(2), src: mac(1), type: 0x0800 };
const ethernet: HeaderRows<EthernetHeader> = {
  emit: emitEthernet,
  parse: parseEthernet,
  cases: [{ hex: '020000000002 020000000001 0800', header: ethernetHeader }],
  malformed: { empty: '', truncated: '020000000002 020000000001 08' },
  wrong: {
    'short address': { ...ethernetHeader, dst: new Uint8Array(5) },
    'long address': { ...ethernetHeader, src: new Uint8Array(7) },
    type: { ...ethernetHeader, type: 0x1_0000 },
  },
  any: recordOf({ dst: bytes(6), src: bytes(6), type: u16 }),
};

const tag: VlanTag = { id: 5, priority: 3, dei: true, type: 0x86dd };
const vlan: HeaderRows<VlanTag> = {
  emit: emitVlan,
  parse: parseVlan,
  cases: [
    { hex: '7005 86dd', header: tag },
    { hex: 'efff 8100', header: { id: 4095, priority: 7, dei: false, type: 0x8100 } },
    { hex: '0000 0000', header: { id: 0, priority: 0, dei: false, type: 0 } },
  ],
  malformed: { empty: '', truncated: '7005 86' },
  wrong: { id: { ...tag, id: 4096 }, priority: { ...tag, priority: 8 }, type: { ...tag, type: -1 } },
  any: recordOf({ id: fc.nat(4095), priority: fc.nat(7), dei: fc.boolean(), type: u16 }),
};

const label: MplsLabel = { label: 0x12345, trafficClass: 5, ttl: 64 };
const mpls: HeaderRows<readonly MplsLabel[]> = {
  emit: emitMpls,
  parse: parseMpls,
  cases: [
    { hex: '12345b40', header: [label] },
    {
      hex: 'fffffeff 00001100',
      header: [
        { label: 0xfffff, trafficClass: 7, ttl: 255 },
        { label: 1, trafficClass: 0, ttl: 0 },
      ],
    },
  ],
  malformed: {
    empty: '',
    truncated: '123451',
    'no last label': '00001000 00002000',
    'second one cut': '00001000 000021',
  },
  wrong: {
    none: [],
    label: [{ ...label, label: 0x100000 }],
    class: [label, { ...label, trafficClass: 8 }],
    ttl: [{ ...label, ttl: 256 }],
    fraction: [{ ...label, label: 1.5 }],
  },
  any: fc.array(recordOf({ label: fc.nat(0xfffff), trafficClass: fc.nat(7), ttl: byte }), {
    minLength: 1,
    maxLength: 16,
  }),
};

const ipv4Header: Ipv4Header = {
  tos: 0,
  totalLength: 44,
  id: 3,
  fragment: 0,
  ttl: 32,
  protocol: 17,
  src: 0x0a09_0001,
  dst: 0x0a09_0002,
  options: new Uint8Array(0),
};
const ipv4Hex = '4500 002c 0003 0000 2011 86aa 0a090001 0a090002';
const ipv4: HeaderRows<Ipv4Header> = {
  emit: emitIpv4,
  parse: (frame, at) => {
    const parsed = parseIpv4(frame, at);
    if (!parsed) return undefined;
    const { headerLen, checksum, rightChecksum, ...header } = parsed;
    assert.equal(headerLen, 20 + header.options.length);
    assert.equal(checksum, rightChecksum);
    return header;
  },
  cases: [
    { hex: ipv4Hex, header: ipv4Header },
    {
      hex: '4610 0018 ffff 4000 ff32 769e ffffffff 00000000 01020304',
      header: {
        tos: 0x10,
        totalLength: 24,
        id: 0xffff,
        fragment: 0x4000,
        ttl: 255,
        protocol: 50,
        src: 0xffff_ffff,
        dst: 0,
        options: Uint8Array.of(1, 2, 3, 4),
      },
    },
  ],
  malformed: {
    empty: '',
    truncated: ipv4Hex.slice(0, -2),
    'version 6': ipv4Hex.replace('45', '65'),
    'header of 16 bytes': ipv4Hex.replace('45', '44'),
    'options that are not there': ipv4Hex.replace('45', '46'),
    'total length below the header': ipv4Hex.replace('002c', '0013'),
    'total length below the header with options': `${ipv4Hex.replace('4500 002c', '4600 0017')} 01010101`,
  },
  wrong: {
    tos: { ...ipv4Header, tos: 256 },
    'total length': { ...ipv4Header, totalLength: 0x1_0000 },
    'total length below the header': { ...ipv4Header, totalLength: 19 },
    id: { ...ipv4Header, id: -1 },
    fragment: { ...ipv4Header, fragment: 0x1_0000 },
    ttl: { ...ipv4Header, ttl: 256 },
    protocol: { ...ipv4Header, protocol: 256 },
    source: { ...ipv4Header, src: -1 },
    destination: { ...ipv4Header, dst: 2 ** 32 },
    'odd options': { ...ipv4Header, options: new Uint8Array(3) },
    'long options': { ...ipv4Header, totalLength: 64, options: new Uint8Array(44) },
  },
  any: recordOf({
    tos: byte,
    payload: fc.nat(1000),
    id: u16,
    fragment: u16,
    ttl: byte,
    protocol: byte,
    src: u32,
    dst: u32,
    options: fc.nat(10).chain((words) => bytes(4 * words)),
  }).map(({ payload, ...rest }) => ({ ...rest, totalLength: 20 + rest.options.length + payload })),
};

const ipv6Header: Ipv6Header = {
  trafficClass: 0xab,
  flowLabel: 0x12345,
  payloadLength: 24,
  nextHeader: 17,
  hopLimit: 32,
  src: v6(1),
  dst: v6(2),
};
const ipv6Hex = `6ab12345 0018 11 20 fd${'00'.repeat(14)}01 fd${'00'.repeat(14)}02`;
const ipv6: HeaderRows<Ipv6Header> = {
  emit: emitIpv6,
  parse: parseIpv6,
  cases: [{ hex: ipv6Hex, header: ipv6Header }],
  malformed: { empty: '', truncated: ipv6Hex.slice(0, -2), 'version 4': ipv6Hex.replace('6a', '4a') },
  wrong: {
    class: { ...ipv6Header, trafficClass: 256 },
    flow: { ...ipv6Header, flowLabel: 0x100000 },
    length: { ...ipv6Header, payloadLength: 0x1_0000 },
    next: { ...ipv6Header, nextHeader: 256 },
    hops: { ...ipv6Header, hopLimit: -1 },
    source: { ...ipv6Header, src: new Uint8Array(4) },
    destination: { ...ipv6Header, dst: new Uint8Array(17) },
  },
  any: recordOf({
    trafficClass: byte,
    flowLabel: fc.nat(0xfffff),
    payloadLength: u16,
    nextHeader: byte,
    hopLimit: byte,
    src: bytes(16),
    dst: bytes(16),
  }),
};

const udpHeader: UdpHeader = { srcPort: 9, dstPort: 9, length: 26, checksum: 0 };
const udp: HeaderRows<UdpHeader> = {
  emit: emitUdp,
  parse: parseUdp,
  cases: [
    { hex: '0009 0009 001a 0000', header: udpHeader },
    { hex: 'ffff 0001 0008 1234', header: { srcPort: 65535, dstPort: 1, length: 8, checksum: 0x1234 } },
  ],
  malformed: { empty: '', 'length below the header': '0009 0009 0007 0000', truncated: '0009 0009 0008 00' },
  wrong: {
    source: { ...udpHeader, srcPort: 65536 },
    destination: { ...udpHeader, dstPort: -1 },
    length: { ...udpHeader, length: 65536 },
    'length below the header': { ...udpHeader, length: 7 },
    checksum: { ...udpHeader, checksum: Number.NaN },
  },
  any: recordOf({ srcPort: u16, dstPort: u16, length: fc.integer({ min: 8, max: 0xffff }), checksum: u16 }),
};

const esp: HeaderRows<EspHeader> = {
  emit: emitEsp,
  parse: parseEsp,
  cases: [
    { hex: '00001000 00000000', header: { spi: 0x1000, seq: 0 } },
    { hex: 'ffffffff 00000001', header: { spi: 0xffff_ffff, seq: 1 } },
  ],
  malformed: { empty: '', truncated: '00001000 000000' },
  wrong: { spi: { spi: 2 ** 32, seq: 0 }, seq: { spi: 1, seq: -1 } },
  any: recordOf({ spi: u32, seq: u32 }),
};

const espTrailer: HeaderRows<EspTrailer> = {
  emit: emitEspTrailer,
  parse: parseEspTrailer,
  cases: [{ hex: '0211', header: { padLen: 2, nextHeader: 17 } }],
  malformed: { empty: '', truncated: '02' },
  wrong: { pad: { padLen: 256, nextHeader: 17 }, next: { padLen: 0, nextHeader: -1 } },
  any: recordOf({ padLen: byte, nextHeader: byte }),
};

const ahHeader: AhHeader = { nextHeader: 17, spi: 0x1000, seq: 1, icv: fromHex('145719b64f9e12169a6f9721') };
const ahHex = '1104 0000 00001000 00000001 145719b64f9e12169a6f9721';
const ah: HeaderRows<AhHeader> = {
  emit: emitAh,
  parse: parseAh,
  cases: [
    { hex: ahHex, header: ahHeader },
    { hex: '0401 0000 00000001 ffffffff', header: { nextHeader: 4, spi: 1, seq: 0xffff_ffff, icv: new Uint8Array(0) } },
  ],
  malformed: {
    empty: '',
    truncated: '1101 0000 00001000 000000',
    'length below the header': ahHex.replace('1104', '1100'),
    'an ICV that is not there': ahHex.replace('1104', '1105'),
  },
  wrong: {
    next: { ...ahHeader, nextHeader: 256 },
    spi: { ...ahHeader, spi: -1 },
    seq: { ...ahHeader, seq: 2 ** 32 },
    'odd ICV': { ...ahHeader, icv: new Uint8Array(13) },
    'long ICV': { ...ahHeader, icv: new Uint8Array(1020) },
  },
  any: recordOf({ nextHeader: byte, spi: u32, seq: u32, icv: fc.nat(16).chain((words) => bytes(4 * words)) }),
};

const pktgenHeader: PktgenHeader = { seq: 1, sec: 1_700_000_000, usec: 123_456 };
const pktgen: HeaderRows<PktgenHeader> = {
  emit: emitPktgen,
  parse: parsePktgen,
  cases: [
    { hex: 'be9be955 00000001 6553f100 0001e240', header: pktgenHeader },
    { hex: 'be9be955 ffffffff ffffffff 00000000', header: { seq: 0xffff_ffff, sec: 0xffff_ffff, usec: 0 } },
  ],
  malformed: {
    empty: '',
    'other magic': 'be9be954 00000001 6553f100 0001e240',
    truncated: 'be9be955 00000001 6553f100 0001e2',
  },
  wrong: {
    seq: { ...pktgenHeader, seq: 2 ** 32 },
    sec: { ...pktgenHeader, sec: -1 },
    usec: { ...pktgenHeader, usec: 0.5 },
  },
  any: recordOf({ seq: u32, sec: u32, usec: u32 }),
};

/** The tests of one header; generic so that each row keeps its type. */
function holds<H>(name: string, { emit, parse, cases, malformed, wrong, any }: HeaderRows<H>): void {
  for (const { hex, header } of cases) {
    test(`${name} ${hex}: emit and parse, at any place of a frame`, () => {
      for (const at of [0, 3]) {
        const wanted = fromHex(hex);
        const frame = new Uint8Array(at + wanted.length + 2).fill(0xee);
        // A view that does not begin at the start of its buffer.
        const outer = new Uint8Array(frame.length + 5);
        const view = new DataView(outer.buffer, 5, frame.length);
        outer.set(frame, 5);
        emit(view, at, header);
        frame.set(wanted, at);
        assert.equal(toHex(outer.subarray(5)), toHex(frame));
        assert.deepEqual(parse(view, at), header);
      }
    });
  }
  for (const [why, hex] of Object.entries(malformed)) {
    test(`${name} ${why}: undefined`, () => {
      assert.equal(parse(new DataView(fromHex(hex).buffer), 0), undefined);
    });
  }
  for (const [why, header] of Object.entries(wrong)) {
    test(`${name} with a wrong ${why}: RangeError`, () => {
      assert.throws(() => emit(new DataView(new ArrayBuffer(100)), 0, header), RangeError);
    });
  }
  test(`${name} beyond the end of the frame: RangeError`, () => {
    for (const { hex, header } of cases) {
      const length = fromHex(hex).length;
      assert.throws(() => emit(new DataView(new ArrayBuffer(length + 3)), 4, header), RangeError);
    }
  });
  test(`${name}: parse(emit(h)) = h`, () => {
    fc.assert(
      fc.property(any, fc.nat(20), (header, at) => {
        const frame = new DataView(new ArrayBuffer(200));
        emit(frame, at, header);
        assert.deepEqual(parse(frame, at), header);
      }),
    );
  });
}

holds('Ethernet', ethernet);
holds('VLAN tag', vlan);
holds('MPLS stack', mpls);
holds('IPv4', ipv4);
holds('IPv6', ipv6);
holds('UDP', udp);
holds('ESP', esp);
holds('ESP trailer', espTrailer);
holds('AH', ah);
holds('pktgen', pktgen);

test('a TCI has priority, drop eligible and id in this order', () => {
  assert.equal(tci(0, 0, false), 0);
  assert.equal(tci(0xfff, 7, true), 0xffff);
  assert.equal(tci(1, 1, false), 0x2001);
  assert.equal(tci(0, 0, true), 0x1000);
  assert.throws(() => tci(4096, 0, false), RangeError);
  assert.throws(() => tci(0, 8, false), RangeError);
});

test('a parsed header keeps its addresses when the frame changes', () => {
  const frame = new DataView(fromHex(ipv6Hex).buffer);
  const header = parseIpv6(frame, 0);
  frame.setUint8(8, 0);
  assert.equal(header?.src[0], 0xfd);
});

test('a wrong IPv4 checksum is read with the right one beside it', () => {
  const frame = new DataView(fromHex(ipv4Hex).buffer);
  frame.setUint8(8, 31);
  const { checksum, rightChecksum } = parseIpv4(frame, 0) ?? {};
  assert.deepEqual([checksum, rightChecksum], [0x86aa, 0x87aa]);
});
