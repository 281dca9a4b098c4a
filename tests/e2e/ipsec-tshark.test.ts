import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { newSealer } from '../../src/ipsec/sealer.ts';
import { headerLen, mostGrowth, type SecurityAssociation } from '../../src/ipsec/security-association.ts';
import { opensslCrypto } from '../../src/transmit/openssl-crypto.ts';
import { PCAP_RECORD_HEADER_LEN, pcapFileHeader, pcapRecordHeader } from '../../src/wire/pcap.ts';
import { association, plainFrame, toHex } from '../support/ipsec.ts';

const whyNoTshark =
  spawnSync('tshark', ['-v']).error === undefined
    ? false
    : 'needs tshark (Debian: tshark), an implementation to compare with';

const keyOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 11 * i + 1);
const sha1 = { name: 'hmac(sha1)', key: keyOf(20), truncBits: 96 };
const sha256 = { name: 'hmac(sha256)', key: keyOf(32), truncBits: 128 };
const encap = { type: 'espinudp', srcPort: 4500, dstPort: 4500 } as const;

/** Algorithms, and their names in tshark: cipher, integrity. */
const algorithms: Record<string, [Partial<SecurityAssociation>, string, string]> = {
  'null, SHA-1': [
    { crypt: { name: 'ecb(cipher_null)', key: keyOf(0) }, auth: sha1 },
    'NULL',
    'HMAC-SHA-1-96 [RFC2404]',
  ],
  'AES-CBC, SHA-256': [
    { crypt: { name: 'cbc(aes)', key: keyOf(32) }, auth: sha256 },
    'AES-CBC [RFC3602]',
    'HMAC-SHA-256-128 [RFC4868]',
  ],
  '3DES, SHA-1': [
    { crypt: { name: 'cbc(des3_ede)', key: keyOf(24) }, auth: sha1 },
    'TripleDES-CBC [RFC2451]',
    'HMAC-SHA-1-96 [RFC2404]',
  ],
  'AES-CTR, SHA-1': [
    { crypt: { name: 'rfc3686(ctr(aes))', key: keyOf(20) }, auth: sha1 },
    'AES-CTR [RFC3686]',
    'HMAC-SHA-1-96 [RFC2404]',
  ],
  'AES-GCM': [
    { aead: { name: 'rfc4106(gcm(aes))', key: keyOf(20), icvBits: 128 } },
    'AES-GCM with 16 octet ICV [RFC4106]',
    'NULL',
  ],
};

const COUNT = 5;
/** Sealed frames of one association, as a capture file. */
function capture(sa: SecurityAssociation, family: 4 | 6): Uint8Array {
  const sealer = newSealer(sa, opensslCrypto, { sequence: true, salt: keyOf(16) });
  const parts = [pcapFileHeader()];
  for (let seq = 1; seq <= COUNT; seq++) {
    const { frame, l3 } = plainFrame({ family, seq, payloadLen: 16 + 31 * seq });
    const record = new Uint8Array(PCAP_RECORD_HEADER_LEN + frame.length + headerLen(sa) + mostGrowth(sa));
    record.set(frame, PCAP_RECORD_HEADER_LEN);
    const length = sealer.seal(record, PCAP_RECORD_HEADER_LEN, frame.length, l3);
    pcapRecordHeader(new DataView(record.buffer), 0, seq, 0, length, length);
    parts.push(record.subarray(0, PCAP_RECORD_HEADER_LEN + length));
  }
  return Buffer.concat(parts);
}

/** What tshark says of each packet when it has the keys. */
function decrypted(file: string, sa: SecurityAssociation, cipher: string, integrity: string): string[][] {
  const keys = [(sa.crypt ?? sa.aead)?.key, sa.auth?.key].map((key) => (key?.length ? `0x${toHex(key)}` : ''));
  const entry = [`IPv${sa.family}`, '*', '*', '0x00001000', cipher, keys[0], integrity, keys[1]];
  const fields = ['esp.sequence', 'esp.icv_good', 'pktgen.magic', 'pktgen.seqnum', 'udp.length'];
  const args = [
    ...['-r', file, '-T', 'fields', '-E', 'occurrence=l'],
    ...['-o', 'esp.enable_encryption_decode:TRUE', '-o', 'esp.enable_authentication_check:TRUE'],
    ...['-o', 'udp.try_heuristic_first:TRUE', '-o', `uat:esp_sa:${entry.map((value) => `"${value}"`).join(',')}`],
    ...fields.flatMap((field) => ['-e', field]),
  ];
  const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
}

describe('tshark opens what was sealed', { skip: whyNoTshark }, () => {
  for (const [name, [parts, cipher, integrity]] of Object.entries(algorithms)) {
    for (const family of [4, 6] as const) {
      for (const more of [{}, { mode: 'tunnel' }, { encap }] as const) {
        test(`${name}, IPv${family}, ${JSON.stringify(more)}`, () => {
          const folder = mkdtempSync(join(tmpdir(), 'pktgen-ipsec-'));
          try {
            const sa = association(family, { ...parts, ...more });
            const file = join(folder, 'sealed.pcap');
            writeFileSync(file, capture(sa, family));
            const wanted = Array.from({ length: COUNT }, (_, i) => [
              ...[`${i + 1}`, '1', '0xbe9be955', `${i + 1}`, `${24 + 31 * (i + 1)}`],
            ]);
            assert.deepEqual(decrypted(file, sa, cipher, integrity), wanted);
          } finally {
            rmSync(folder, { recursive: true });
          }
        });
      }
    }
  }
});
