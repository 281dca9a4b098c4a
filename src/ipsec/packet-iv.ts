import type { SequenceNumber } from './transform.ts';

/** Bytes of randomness that the IVs of an association need at most. */
export const SALT_LEN = 16;

/** Writes the IV of a packet at `at`. */
export type WriteIv = (view: DataView, at: number) => void;

/**
 * The IV of ciphers that count (the kernel's seqiv): the sequence number with eight random bytes over it, so that no two
 * are the same while the number moves.
 */
export function newSequenceIv(number: SequenceNumber, salt: Uint8Array): WriteIv {
  const random = new DataView(salt.buffer, salt.byteOffset, salt.byteLength);
  const high = random.getUint32(0);
  const low = random.getUint32(4);
  return (view, at) => {
    view.setUint32(at, (number.high ^ high) >>> 0);
    view.setUint32(at + 4, (number.low ^ low) >>> 0);
  };
}

/**
 * The block with which CBC begins (the kernel's echainiv): each eight bytes are an odd random number times the sequence
 * number, low byte first. Packets carry that block encrypted, as their IV. With a number that stays 0 it is all zeros
 * whatever the random numbers are, and each packet has the same IV, as the packets of the kernel's pktgen have.
 */
export function newChainedIv(number: SequenceNumber, salt: Uint8Array, blockLen: number): () => Uint8Array {
  const block = new Uint8Array(blockLen);
  const view = new DataView(block.buffer);
  const factors: Uint16Array[] = [];
  for (let at = 0; at < blockLen; at += 8) {
    const words = new DataView(salt.buffer, salt.byteOffset + at, 8);
    factors.push(Uint16Array.from([0, 2, 4, 6], (byte) => words.getUint16(byte, true) | (byte === 0 ? 1 : 0)));
  }
  const sequence = new Uint16Array(4);
  const product = new Uint16Array(4);
  return () => {
    if (number.low === 0 && number.high === 0) return block.fill(0);
    sequence[0] = number.low;
    sequence[1] = number.low >>> 16;
    sequence[2] = number.high;
    sequence[3] = number.high >>> 16;
    factors.forEach((factor, i) => {
      multiply(factor, sequence, product);
      for (let n = 0; n < 4; n++) view.setUint16(8 * i + 2 * n, product[n] ?? 0, true);
    });
    return block;
  };
}

/** The low 64 bits of a product, all in words of 16 bits, the lowest first: bigint would cost more than the cipher. */
function multiply(a: Uint16Array, b: Uint16Array, product: Uint16Array): void {
  product.fill(0);
  for (let i = 0; i < 4; i++) {
    let carry = 0;
    for (let j = 0; i + j < 4; j++) {
      const sum = (product[i + j] ?? 0) + (a[i] ?? 0) * (b[j] ?? 0) + carry;
      product[i + j] = sum;
      carry = Math.floor(sum / 0x10000);
    }
  }
}
