import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { goldenNames, readTranscript } from '../../tests/support/golden.ts';
import { formatIpv6, in6Pton } from './ipv6-address.ts';

/** Bytes of a new address, or undefined when the text is bad. */
function read(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16);
  return in6Pton(text, bytes) ? bytes : undefined;
}
const shown = (text: string): string | undefined => {
  const bytes = read(text);
  return bytes && formatIpv6(bytes);
};

const good: Record<string, string> = {
  '::': '::',
  '::1': '::1',
  '1::': '1::',
  '1:2:3:4:5:6:7:8': '1:2:3:4:5:6:7:8',
  '1:2:3:4:5:6:7::': '1:2:3:4:5:6:7:0',
  '1:2:3:4:5:6::8': '1:2:3:4:5:6:0:8',
  '::2:3:4:5:6:7:8': '0:2:3:4:5:6:7:8',
  '0001:02::00ff': '1:2::ff',
  '00001::1': '1::1',
  'ABCD::eF': 'abcd::ef',
  'fd00::g': 'fd00::',
  'fd00::1%eth0': 'fd00::1',
  'fd00::1/64': 'fd00::1',
  '1:2:3:4:5:6:1.2.3.4': '1:2:3:4:5:6:102:304',
  '1::1.2.3.4': '1::102:304',
  '1::1.2.3.4:9': '1::102:304',
  '1::1.2.3.4x': '1::102:304',
  '1::01.002.003.255': '1::102:3ff',
  '::ffff:255.255.255.255': '::ffff:255.255.255.255',
  '::ffff:a00:1': '::ffff:10.0.0.1',
  '::ffff:0:0': '::ffff:0.0.0.0',
  '::10.0.0.1': '::a00:1',
  '::5efe:1.2.3.4': '::5efe:1.2.3.4',
  '::200:5efe:102:304': '::200:5efe:1.2.3.4',
  'fe80::200:5efe:0:0': 'fe80::200:5efe:0.0.0.0',
  '::201:5efe:102:304': '::201:5efe:102:304',
  '1:2:3:4::5efe:0:0': '1:2:3:4:0:5efe:0.0.0.0',
  '1:0:0:2:0:0:0:3': '1:0:0:2::3',
  '1:0:0:2:0:0:3:4': '1::2:0:0:3:4',
  '1:0:2:0:3:0:4:0': '1:0:2:0:3:0:4:0',
};
const bad = [
  '',
  ' ::1',
  'x',
  'abc',
  ':',
  ':1',
  '1:',
  '1:2',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  '1:2:3:4:5:6:7:8:',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '1:2:3:4:5:6:7::8',
  '1::2:3:4:5:6:7:8',
  ':::',
  '1:::2',
  '1::2::3',
  '1::2:',
  '12345::',
  '::12345',
  '10.0.0.1',
  '1:10.0.0.1',
  '::1.2.3',
  '::1.2.3.4.5',
  '::1.2.3.256',
  '::1.2..4',
  '::.1.2.3',
  '::1.2.3.a',
  '::1.2.3.4a',
  '::a.2.3.4',
  '1:2:3:4:5:6:7:1.2.3.4',
  '1:2:3:4:5:1.2.3.4',
];

for (const [text, wanted] of Object.entries(good)) {
  test(`IPv6 ${text} is ${wanted}`, () => {
    assert.equal(shown(text), wanted);
  });
}
for (const text of bad) {
  test(`${JSON.stringify(text)} is no IPv6 address and writes nothing`, () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
    assert.equal(in6Pton(text, bytes), false);
    assert.deepEqual(
      bytes,
      Uint8Array.from({ length: 16 }, (_, i) => i + 1),
    );
  });
}

for (const name of goldenNames('control').filter((golden) => golden.startsWith('ip6-'))) {
  test(`golden ${name}: each write changes the address before it`, () => {
    const addresses = new Map<string, Uint8Array>();
    let checked = 0;
    for (const { write, errno, result } of readTranscript('control', name)) {
      const [, command, text] = /^((?:dst6|src6)\w*)["\s=]*([^"\s=\0]*)/.exec(write ?? '') ?? [];
      if (command === undefined || errno !== 0) continue;
      const address = addresses.get(command) ?? new Uint8Array(16);
      addresses.set(command, address);
      in6Pton((text ?? '').slice(0, 127), address);
      assert.equal(`OK: ${command}=${formatIpv6(address)}`, result, write);
      checked++;
    }
    assert.ok(checked >= 2, `${checked} addresses`);
  });
}

const words = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff), fc.constantFrom(0x5efe, 0x200, 0xffff)), {
  minLength: 8,
  maxLength: 8,
});

test('what is printed is an IPv6 address and is read back', () => {
  fc.assert(
    fc.property(words, (address) => {
      const bytes = Uint8Array.from(address.flatMap((word) => [word >>> 8, word & 0xff]));
      const text = formatIpv6(bytes);
      assert.ok(isIPv6(text), text);
      assert.deepEqual(read(text), bytes, text);
    }),
  );
});

test('any text either gives an address or leaves the old one', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'012aF:::.g '), maxLength: 45 }), (text) => {
      const bytes = new Uint8Array(20).fill(0xee);
      const taken = in6Pton(text, bytes);
      assert.deepEqual([...bytes.subarray(16)], [0xee, 0xee, 0xee, 0xee]);
      if (!taken) assert.ok(bytes.every((byte) => byte === 0xee));
      // The kernel takes more than the standard text form, never less.
      if (isIPv6(text)) assert.equal(taken, true, text);
    }),
    { numRuns: 2000 },
  );
});
