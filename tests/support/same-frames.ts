import assert from 'node:assert/strict';
import type { DataCase } from './golden.ts';

/** Cases in which chance decides about bytes. */
export const isRandom = (name: string, golden: DataCase): boolean =>
  /_RND|imix/.test(JSON.stringify(golden.writes) + golden.before + name) || name === 'ipv6-dst-minmax';

const MAGIC = [0xbe, 0x9b, 0xe9, 0x55];
const headerAt = (frame: Uint8Array): number => {
  for (let at = 0; at + 16 <= frame.length; at++) if (MAGIC.every((byte, i) => frame[at + i] === byte)) return at;
  return -1;
};

/** Masks the time, and with it a UDP checksum that covers it. */
function masked(name: string, frame: Uint8Array): Uint8Array {
  const at = headerAt(frame);
  if (at < 0) return frame;
  const copy = frame.slice();
  copy.fill(0, at + 8, at + 16);
  if (name.startsWith('udpcsum') && name.includes('offload')) copy.fill(0, at - 2, at);
  return copy;
}

const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');

/** Equal bytes; where chance decides, equal lengths, equal constant bytes and as much variety. */
export function assertSameFrames(name: string, golden: DataCase, wanted: readonly Uint8Array[], got: readonly Uint8Array[]): void {
  assert.equal(got.length, wanted.length, 'number of frames');
  const [a, b] = [wanted.map((frame) => masked(name, frame)), got.map((frame) => masked(name, frame))];
  if (!isRandom(name, golden)) {
    for (const [i, frame] of a.entries()) assert.equal(hex(b[i] ?? new Uint8Array()), hex(frame), `frame ${i}`);
    return;
  }
  const lengths = (frames: readonly Uint8Array[]): number[] => [...new Set(frames.map((f) => f.length))].sort((x, y) => x - y);
  if (wanted.length >= 100) assert.deepEqual(lengths(b), lengths(a), 'lengths of frames');
  const shortest = Math.min(...[...a, ...b].map((frame) => frame.length));
  // Checksums and lengths follow from the rest.
  for (let at = 0; at < shortest; at++) {
    const [want, have] = [new Set(a.map((frame) => frame[at])), new Set(b.map((frame) => frame[at]))];
    if (want.size === 1) assert.deepEqual([...have], [...want], `byte ${at} is constant`);
    else if (wanted.length >= 100) assert.ok(have.size >= want.size / 4, `byte ${at} varies: ${have.size} of ${want.size}`);
    const [low, high] = [Math.min(...[...want].map(Number)), Math.max(...[...want].map(Number))];
    if (want.size > 1 && high - low < 40) {
      for (const byte of have) assert.ok(Number(byte) >= low - 8 && Number(byte) <= high + 8, `byte ${at} is ${byte}`);
    }
  }
}
