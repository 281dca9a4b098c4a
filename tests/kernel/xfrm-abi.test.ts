import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Btf } from '../../src/linux/btf.ts';
import { attribute, concat, u32Attribute } from '../../src/linux/netlink.ts';
import { Netns } from '../../src/linux/netns.ts';
import * as xfrm from '../../src/linux/xfrm.ts';
import { associationOf } from '../../src/transmit/associations.ts';
import { held, whyNoNetns } from '../support/netns.ts';

/** Ours, the kernel's name of each struct, and of its members where they differ. */
const ROWS: readonly (readonly [string, Readonly<Record<string, number>>, Readonly<Record<string, string>>])[] = [
  ['xfrm_usersa_info', xfrm.xfrmUsersaInfo, {}],
  ['xfrm_id', xfrm.xfrmId, {}],
  ['xfrm_algo', xfrm.xfrmAlgo, { name: 'alg_name', keyLen: 'alg_key_len', key: 'alg_key' }],
  [
    'xfrm_algo_auth',
    xfrm.xfrmAlgoAuth,
    { name: 'alg_name', keyLen: 'alg_key_len', truncLen: 'alg_trunc_len', key: 'alg_key' },
  ],
  [
    'xfrm_algo_aead',
    xfrm.xfrmAlgoAead,
    { name: 'alg_name', keyLen: 'alg_key_len', icvLen: 'alg_icv_len', key: 'alg_key' },
  ],
  ['xfrm_encap_tmpl', xfrm.xfrmEncapTmpl, { type: 'encap_type', sport: 'encap_sport', dport: 'encap_dport' }],
  ['xfrm_mark', xfrm.xfrmMark, { value: 'v', mask: 'm' }],
  ['xfrm_replay_state', xfrm.xfrmReplayState, {}],
  ['xfrm_replay_state_esn', xfrm.xfrmReplayStateEsn, { oseqHi: 'oseq_hi' }],
];

const VMLINUX = '/sys/kernel/btf/vmlinux';
/** A kernel is built with BTF or not, whatever its version. */
const whyNoBtf = existsSync(VMLINUX) ? false : `this kernel has no ${VMLINUX} (CONFIG_DEBUG_INFO_BTF)`;

describe('struct layouts of IPsec states are those of the running kernel', { skip: whyNoBtf }, () => {
  const kernel = whyNoBtf ? undefined : new Btf(readFileSync(VMLINUX));
  for (const [struct, { size, ...layout }, names] of ROWS) {
    test(`struct ${struct}`, (t) => {
      const known = kernel?.struct(struct);
      if (!known) return t.skip(`this kernel has ${struct} in a module, or no IPsec`);
      assert.deepEqual(
        { size, ...layout },
        {
          size: known.size,
          ...Object.fromEntries(Object.keys(layout).map((name) => [name, known.members.get(names[name] ?? name)])),
        },
      );
    });
  }
});

/** Bytes of a struct from offset, value, and bits where these are not 32. */
function struct(size: number, fields: readonly (readonly [number, number | Uint8Array | string, number?])[]) {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [at, value, bits = 32] of fields) {
    if (typeof value === 'string') bytes.set(Buffer.from(value), at);
    else if (value instanceof Uint8Array) bytes.set(value, at);
    else if (bits === 8) view.setUint8(at, value);
    else if (bits === 16) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return bytes;
}
const bigEndian = (value: number, bytes: 2 | 4): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => (value >>> (8 * (bytes - 1 - i))) & 0xff);
const keyOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

const info = (family: number, src: Uint8Array, dst: Uint8Array, proto: number, mode: number, flags: number) =>
  struct(224, [
    [56, dst],
    [72, bigEndian(0x1000, 4)],
    [76, proto, 8],
    [80, src],
    [208, 7],
    [212, family, 16],
    [214, mode, 8],
    [216, flags, 8],
  ]);
const algorithm = (name: string, key: Uint8Array, more?: number): Uint8Array =>
  concat([
    struct(more === undefined ? 68 : 72, [
      [0, name],
      [64, key.length * 8],
      ...(more === undefined ? [] : [[68, more] as const]),
    ]),
    key,
  ]);
const newSa = (...parts: Uint8Array[]) => ({ type: xfrm.XFRM_MSG.NEWSA, body: concat(parts) });

const V4 = [Uint8Array.of(10, 9, 0, 1), Uint8Array.of(10, 9, 0, 2)] as const;
const V6 = [Uint8Array.of(0xfd, ...keyOf(15)), Uint8Array.of(0xfe, ...keyOf(15))] as const;

test('a state of cipher and auth in UDP, with all that it may carry', () => {
  const state = xfrm.parseState(
    newSa(
      info(2, ...V4, 50, 1, 1 | 128),
      // The kernel sends the algorithm without its truncation too, and things that nobody asked for.
      attribute(1, algorithm('hmac(sha256)', keyOf(32))),
      attribute(20, algorithm('hmac(sha256)', keyOf(32), 128)),
      attribute(2, algorithm('cbc(aes)', keyOf(16))),
      attribute(
        4,
        struct(24, [
          [0, 2, 16],
          [2, bigEndian(4500, 2)],
          [4, bigEndian(4501, 2)],
        ]),
      ),
      attribute(
        23,
        struct(28, [
          [0, 1],
          [4, 5],
          [8, 9],
          [12, 2],
          [20, 32],
        ]),
      ),
      attribute(
        21,
        struct(8, [
          [0, 0xa],
          [4, 0xff],
        ]),
      ),
      u32Attribute(24, 1),
      u32Attribute(31, 3),
      attribute(15, new Uint8Array(8)),
    ),
  );
  assert.deepEqual(state, {
    ...{ family: 2, src: V4[0], dst: V4[1], proto: 50, spi: 0x1000, mode: 1, reqid: 7, flags: 129, extraFlags: 1 },
    ...{ mark: { value: 0xa, mask: 0xff }, ifId: 3, oseq: 2 * 2 ** 32 + 5 },
    auth: { name: 'hmac(sha256)', key: keyOf(32), truncBits: 128 },
    crypt: { name: 'cbc(aes)', key: keyOf(16) },
    encap: { type: 2, srcPort: 4500, dstPort: 4501 },
  });
  assert.deepEqual(state && associationOf(state), {
    ...{ family: 4, src: V4[0], dst: V4[1], proto: 'esp', spi: 0x1000, mode: 'tunnel', reqid: 7 },
    ...{ flags: ['noecn', 'esn', 'dont-encap-dscp'], mark: { value: 0xa, mask: 0xff }, ifId: 3, oseq: 2 * 2 ** 32 + 5 },
    auth: { name: 'hmac(sha256)', key: keyOf(32), truncBits: 128 },
    crypt: { name: 'cbc(aes)', key: keyOf(16) },
    encap: { type: 'espinudp', srcPort: 4500, dstPort: 4501 },
  });
});

test('a state of an aead algorithm over IPv6, and one that is no more than its struct', () => {
  const state = xfrm.parseState(
    newSa(
      info(10, ...V6, 50, 0, 0),
      attribute(18, algorithm('rfc4106(gcm(aes))', keyOf(20), 128)),
      attribute(
        10,
        struct(12, [
          [0, 77],
          [4, 1],
        ]),
      ),
    ),
  );
  assert.deepEqual(state && associationOf(state), {
    ...{ family: 6, src: V6[0], dst: V6[1], proto: 'esp', spi: 0x1000, mode: 'transport', reqid: 7 },
    ...{ flags: [], ifId: 0, oseq: 77, aead: { name: 'rfc4106(gcm(aes))', key: keyOf(20), icvBits: 128 } },
  });
  const bare = xfrm.parseState(newSa(info(2, ...V4, 51, 0, 64)));
  assert.deepEqual(bare && associationOf(bare), {
    ...{ family: 4, src: V4[0], dst: V4[1], proto: 'ah', spi: 0x1000, mode: 'transport', reqid: 7 },
    ...{ flags: ['align4'], ifId: 0, oseq: 0 },
  });
});

test('protocols and modes that nobody knows, other messages, and any bytes', () => {
  const unknown = [info(2, ...V4, 99, 0, 0), info(2, ...V4, 50, 99, 0)].map((body) => xfrm.parseState(newSa(body)));
  for (const state of unknown) assert.equal(state && associationOf(state), undefined);
  const whole = info(2, ...V4, 50, 0, 0);
  assert.equal(xfrm.parseState({ type: 0x11, body: whole }), undefined);
  assert.equal(xfrm.parseState(newSa(whole.subarray(0, 223))), undefined);
  const attributes = [1, 2, 4, 10, 18, 20, 21, 23, 24, 31];
  for (let length = 0; length < 80; length++) {
    const cut = attributes.map((type) => attribute(type, new Uint8Array(length).fill(0xff)));
    assert.ok(xfrm.parseState(newSa(whole, ...cut)));
  }
});

describe('a namespace', { skip: whyNoNetns }, () => {
  test('has no states at first, and the socket leaves nothing behind', () => {
    using netns = Netns.create();
    const before = held();
    {
      using socket = netns.run(() => new xfrm.XfrmSocket());
      assert.deepEqual(socket.states(), []);
      assert.deepEqual(socket.states(), []);
    }
    assert.deepEqual(held(), before);
  });
});
