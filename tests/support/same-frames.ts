import assert from 'node:assert/strict';
import { dissect } from '../../src/wire/dissect.ts';
import { inAton } from '../../src/wire/ipv4-address.ts';
import type { DataCase } from './golden.ts';

/** Cases in which chance decides about bytes. */
export const isRandom = (name: string, golden: DataCase): boolean =>
  /_RND|imix/.test(JSON.stringify(golden.writes) + golden.before + name) || name === 'ipv6-dst-minmax';

const MAGIC = [0xbe, 0x9b, 0xe9, 0x55];
function headerAt(frame: Uint8Array): number {
  for (let at = 0; at + 16 <= frame.length; at++) if (MAGIC.every((byte, i) => frame[at + i] === byte)) return at;
  return -1;
}

/** Seconds and microseconds in the pktgen header of a frame; zeros without one. */
export function timeIn(frame: Uint8Array | undefined): readonly [number, number] {
  const at = frame ? headerAt(frame) : -1;
  if (!frame || at < 0) return [0, 0];
  const view = new DataView(frame.buffer, frame.byteOffset);
  return [view.getUint32(at + 8), view.getUint32(at + 12)];
}

/** Masks the UDP checksum where the kernel left it to the link. */
function masked(name: string, frame: Uint8Array): Uint8Array {
  const at = headerAt(frame);
  if (at < 0 || !name.includes('offload')) return frame;
  const copy = frame.slice();
  copy.fill(0, at - 2, at);
  return copy;
}

/** Masks the time, which live runs have of their own, and with it a UDP checksum that covers it. */
export function withoutTime(frame: Uint8Array): Uint8Array {
  const at = headerAt(frame);
  if (at < 0) return frame;
  const copy = frame.slice();
  copy.fill(0, at + 8, at + 16);
  if (copy[at - 2] !== 0 || copy[at - 1] !== 0) copy.fill(0, at - 2, at);
  return copy;
}

const hex = (frame: Uint8Array | undefined): string => Buffer.from(frame ?? []).toString('hex');

/**
 * Equal bytes; where chance decides: equal lengths, equal constant bytes, and values within their ranges. `live`: the
 * frames were sent just now, so their times are others than the recorded ones.
 */
export function assertSameFrames(
  name: string,
  golden: DataCase,
  wanted: readonly Uint8Array[],
  got: readonly Uint8Array[],
  live = false,
): void {
  assert.equal(got.length, wanted.length, 'number of frames');
  const mask = (frame: Uint8Array): Uint8Array => (live ? withoutTime(frame) : masked(name, frame));
  const [a, b] = [wanted.map(mask), got.map(mask)];
  if (!isRandom(name, golden)) {
    for (const [i, frame] of a.entries()) assert.equal(hex(b[i]), hex(frame), `frame ${i}`);
    return;
  }
  const lengths = (frames: readonly Uint8Array[]): number[] =>
    [...new Set(frames.map((frame) => frame.length))].sort((x, y) => x - y);
  if (wanted.length >= 100) assert.deepEqual(lengths(b), lengths(a), 'lengths of frames');
  const shortest = Math.min(...[...a, ...b].map((frame) => frame.length));
  for (let at = 0; at < shortest; at++) {
    const [want, have] = [new Set(a.map((frame) => frame[at])), new Set(b.map((frame) => frame[at]))];
    if (want.size === 1) assert.deepEqual([...have], [...want], `byte ${at} is constant`);
    else if (wanted.length >= 100)
      assert.ok(have.size >= want.size / 4, `byte ${at}: ${have.size} values of ${want.size}`);
  }
  for (const frame of b) assertInRange(golden, frame);
}

/** The values of a random packet lie where the parameters put them; the largest is never drawn. */
function assertInRange(golden: DataCase, frame: Uint8Array): void {
  const param = (name: string): string | undefined =>
    golden.writes.map(({ write }) => /^(\S+) (.*)\n$/.exec(write)).findLast((match) => match?.[1] === name)?.[2];
  const within = (what: string, value: number, low: string | undefined, high: string | undefined): void => {
    if (low === undefined || high === undefined) return;
    const [min, max] = [low, high].map((text) => (text.includes('.') ? inAton(text) : Number(text)));
    if (min === undefined || max === undefined || min >= max) return;
    assert.ok(value >= min && value <= max, `${what} ${value} is not in ${low} to ${high}`);
  };
  const { layers } = dissect(frame);
  const udp = layers.find((layer) => layer.name === 'udp');
  const ipv4 = layers.find((layer) => layer.name === 'ipv4');
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (udp) {
    within('source port', view.getUint16(udp.offset), param('udp_src_min'), param('udp_src_max'));
    within('destination port', view.getUint16(udp.offset + 2), param('udp_dst_min'), param('udp_dst_max'));
  }
  if (ipv4) {
    within('source', view.getUint32(ipv4.offset + 12), param('src_min'), param('src_max'));
    within('destination', view.getUint32(ipv4.offset + 16), param('dst_min') ?? param('dst'), param('dst_max'));
  }
  within('size', frame.length, param('min_pkt_size'), param('max_pkt_size'));
}
