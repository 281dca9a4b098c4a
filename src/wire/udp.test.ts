import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pseudoHeaderSum4, pseudoHeaderSum6, udpChecksum } from './udp.ts';

const frameOf = (hex: string): DataView =>
  new DataView(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')).buffer);
const address = (...tail: number[]): Uint8Array => Uint8Array.from([...new Array(16 - tail.length).fill(0), ...tail]);

test('pseudo-header sums are the sums of their words', () => {
  assert.equal(pseudoHeaderSum4(0x0102_0304, 0xffff_0001, 26), 0x0102 + 0x0304 + 0xffff + 1 + 17 + 26);
  assert.equal(pseudoHeaderSum6(address(0x12, 0x34), address(0xff), 26), 0x1234 + 0xff + 17 + 26);
});

test('the checksum does not depend on what its field holds', () => {
  const datagram = frameOf('0009 0009 000b 0000 010203');
  const pseudo = pseudoHeaderSum4(0x0a00_0001, 0x0a00_0002, 11);
  const wanted = ~(0x0a00 + 1 + 0x0a00 + 2 + 17 + 11 + 9 + 9 + 11 + 0x0102 + 0x0300) & 0xffff;
  assert.equal(udpChecksum(datagram, 0, 11, pseudo), wanted);
  datagram.setUint16(6, 0xdead);
  assert.equal(udpChecksum(datagram, 0, 11, pseudo), wanted);
});

test('a sum of 0 is sent as 0xffff, for 0 means none', () => {
  // The words add up to 0xffff.
  assert.equal(udpChecksum(frameOf('0000 0000 0008 0000'), 0, 8, 0xfff7), 0xffff);
});
