import type { PacketTemplate } from './packet-template.ts';
import { HEADER_ROOM } from './packet-template.ts';

/** The frame with every placement filled in from the state, zeros behind it. */
export function constantBytes(template: PacketTemplate, state: Uint32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_ROOM);
  bytes.set(template.frame);
  const view = new DataView(bytes.buffer);
  for (const { state: word, field, clear = 0, add = 0 } of template.placements) {
    const value = ((state[word] ?? 0) & ~clear) | add;
    if (field.width === 2) view.setUint16(field.offset, value);
    else view.setUint32(field.offset, value >>> 0);
  }
  return bytes;
}

/** The sum of a span's 16-bit words, leaving out words that are added while packets are written. */
export function constantSum(view: DataView, from: number, to: number, varying: ReadonlySet<number>): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) if (!varying.has(at)) sum += view.getUint16(at);
  return sum;
}
