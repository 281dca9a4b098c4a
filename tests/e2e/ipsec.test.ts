import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAssociations } from '../../src/ipsec/association-text.ts';
import { dissect } from '../../src/wire/dissect.ts';
import { readPcap } from '../../src/wire/pcap.ts';
import { capture } from '../support/capture.ts';
import { openOnPair, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';
import { Program } from './program.ts';

const KEY = `0x${'5a'.repeat(20)}`;
const GCM = `proto esp spi 0x1000 mode transport aead "rfc4106(gcm(aes))" ${KEY} 128`;
const FLOW = ['--flag', 'IPSEC', '--flows', '1', '--flowlen', '100'];
const ADDRESSES = ['--src-min', '10.9.0.1', '--src-max', '10.9.0.1', '--dst-min', '10.9.0.2'];

/** Sequence number of the ESP header of an IPv4 frame. */
const espSeq = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(38);
const protocolOf = (frame: Uint8Array): number | undefined => (frame[12] === 0x86 ? frame[20] : frame[23]);

describe('IPsec on the command line', () => {
  let program: Program;
  before(() => {
    program = new Program();
  });
  after(() => program.close());
  const file = (text: string): string => {
    const path = join(program.temporary, 'associations');
    writeFileSync(path, text);
    return path;
  };

  test('preview shows what is encrypted, without privileges', async () => {
    const sa = file(`ip xfrm state add src 10.9.0.1 dst 10.9.0.2 ${GCM}\n`);
    const argv = ['preview', '--sa', sa, ...FLOW, ...ADDRESSES, '--ipsec-seq', '1', '-s', '100'];
    const { status, stdout, stderr } = await program.run(argv, { nobody: true });
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      [...stdout.matchAll(/ESP spi 0x00001000, seq (\d+)/g)].map((match) => match[1]),
      ['1', '2', '3'],
      stdout,
    );
  });

  test('a file that makes no sense is told by its lines, and one that cannot be used by what can', async () => {
    const sa = file('# two lines\nsrc 10.9.0.1 dst 10.9.0.2 proto esp spi 0x1000 modus transport\n');
    const { status, stderr } = await program.run(['preview', '--sa', sa, ...FLOW]);
    assert.equal(status, 2);
    assert.match(stderr, /associations:2: "modus" is no word of ip xfrm state/);
    const blowfish = file(`src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x1000 mode transport enc "cbc(blowfish)" ${KEY}\n`);
    const refused = await program.run(['preview', '--sa', blowfish, ...FLOW]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /spi 0x1000: enc cbc\(blowfish\) is not possible, but .*cbc\(aes\)/);
    const missing = await program.run(['preview', '--sa', '/nonexistent', ...FLOW]);
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /--sa \/nonexistent: ENOENT/);
  });

  test('to a pcap file, in tunnel mode by its spi, IPv6', { skip: whyNoNetns }, async () => {
    const sa = file(`src fd00::1 dst fd00::2 proto esp spi 0x2000 mode tunnel aead "rfc4106(gcm(aes))" ${KEY} 128\n`);
    const pcap = join(program.temporary, 'tunnel.pcap');
    const argv = ['run', '--sa', sa, ...FLOW, '--spi', String(0x2000), '--dst6', 'fd00::9', '-n', '10', '--pcap', pcap];
    const { status, stderr } = await program.run(argv);
    assert.equal(status, 0, stderr);
    const { records } = readPcap(readFileSync(pcap));
    assert.equal(records.length, 10);
    for (const { bytes } of records) {
      const [ethernet, ip, esp] = dissect(bytes).layers;
      assert.deepEqual([ethernet?.name, ip?.name, esp?.name], ['ethernet', 'ipv6', 'esp']);
    }
  });
});

describe('IPsec in the lab', { skip: whyNoNetns }, () => {
  test('arrivals are those that the link counts, and what nobody can measure is refused', async () => {
    const program = new Program();
    const sa = join(program.temporary, 'associations');
    writeFileSync(sa, `src 10.9.0.1 dst 10.9.0.2 ${GCM}\n`);
    const argv = ['run', '--sa', sa, ...FLOW, ...ADDRESSES, '-n', '5000'];
    const { status, stdout, stderr } = await program.run(argv);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^sent 5,000 · received 5,000 · lost 0$/m);
    const refused = await program.run([...argv, '--max-latency', '1ms']);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /--max-latency: a receiver cannot look into packets of flag IPSEC/);
    program.close();
  });
});

describe('IPsec in a daemon', { skip: whyNoNetns }, () => {
  const lines = [
    ...['flag IPSEC', 'flows 1', 'flowlen 100', 'src_min 10.9.0.1', 'src_max 10.9.0.1', 'dst 10.9.0.2'],
    ...['count 20', 'pkt_size 200', 'dst_mac 02:00:00:00:00:02'],
  ];
  const { associations } = parseAssociations(`src 10.9.0.1 dst 10.9.0.2 ${GCM}`);

  test('sequence numbers are 0 as the kernel sends them, and with ipsec_seq count on from run to run', async () => {
    using pair = new TestPair();
    using sink = capture('pg0p', { netns: pair.far });
    await using opened = await openOnPair(pair, lines, { associations: () => associations });
    const run = async (): Promise<number[]> => {
      await opened.generator.pktgen.write('pgctrl', 'start\n', writer);
      return sink.frames().slice(-20).map(espSeq);
    };
    assert.deepEqual([...new Set(await run())], [0]);
    await opened.write('pg0', 'ipsec_seq 1');
    const numbers = (from: number): number[] => Array.from({ length: 20 }, (_, i) => from + i);
    // Those that carried none count too: no number is used twice for one association.
    assert.deepEqual(await run(), numbers(21));
    assert.deepEqual(await run(), numbers(41));
    assert.equal(opened.device.sending?.transmitter, 'ring');
    // The header that is put in counts inside of pkt_size, trailer and ICV do not: the same in each run.
    assert.deepEqual([...new Set(sink.frames().map(({ length }) => length))], [218]);
  });

  test('what keeps packets from being encrypted is said', async () => {
    using pair = new TestPair();
    using sink = capture('pg0p', { netns: pair.far });
    await using opened = await openOnPair(pair, [...lines, 'flows 0'], { associations: () => associations });
    await opened.generator.pktgen.write('pgctrl', 'start\n', writer);
    assert.ok(opened.log.some((line) => /flag IPSEC: packets leave as they are.*"flows 1"/.test(line)));
    assert.deepEqual([...new Set(sink.frames().map(protocolOf))], [17]);
    await opened.write('pg0', 'flows 1', 'spi 77');
    await opened.generator.pktgen.write('pgctrl', 'start\n', writer);
    assert.ok(opened.log.some((line) => /there is no security association with spi 77/.test(line)));
    await opened.write('pg0', 'spi 4096', 'transmitter xsk');
    await opened.generator.pktgen.write('pgctrl', 'start\n', writer);
    assert.equal(protocolOf(sink.frames().at(-1) ?? new Uint8Array()), 50);
  });
});
