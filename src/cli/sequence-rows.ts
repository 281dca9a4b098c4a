import type { DeviceConfig } from '../pktgen/params.ts';
import type { FlowField } from '../receive/flow-key.ts';

/**
 * What a receiver can tell of the sequence numbers of a run: `one` row of them, rows that differ `by tag`, or nothing, as
 * packets are repeated or rows are mixed.
 */
export type SequenceRows = 'one' | 'by tag' | 'mixed';

type Numbering = Pick<DeviceConfig, 'clone_skb' | 'burst' | 'flow_tag' | 'flows'>;

/** The rows of sequence numbers of devices that send side by side, to a receiver that tells flows apart by these fields. */
export function sequenceRows(devices: readonly Numbering[], by: readonly FlowField[]): SequenceRows {
  if (devices.some(({ clone_skb, burst }) => clone_skb > 1 || burst > 1)) return 'mixed';
  const isOne = devices.length < 2 && devices.every(({ flow_tag, flows }) => flow_tag === 0 || flows < 2);
  if (isOne) return 'one';
  const rows = devices
    .map(({ flow_tag: from, flows }) => ({ from, to: from + Math.max(1, flows) }))
    .sort((a, b) => a.from - b.from);
  const areApart = rows.every(({ from }, i) => from > 0 && from >= (rows[i - 1]?.to ?? 0));
  return by.includes('tag') && areApart ? 'by tag' : 'mixed';
}
