import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Netns } from '../../src/linux/netns.ts';
import { readPcap } from '../../src/wire/pcap.ts';
import { capture } from '../support/capture.ts';
import { goldenFolder, goldenNames, readTranscript } from '../support/golden.ts';
import { type LifeLine, LifePlayer, type LifeRules } from '../support/life-player.ts';
import { Bench, cannotServe, Served } from '../support/served.ts';

/** Recordings that are played in their own way. */
const RULES: Readonly<Record<string, LifeRules>> = {
  // The VM's child came to write only after the first texts had been read.
  'run-before-during-after': { startsAt: 1.4 },
  // There are no dummy links here; a veth does not share buffers, so clone_skb stays 0.
  module: {
    links: {
      'ip link add dz type dummy; ip link set dz up': 'true',
      dz: 'pg1',
      'clone_skb: 3': 'clone_skb: 0',
      'aa:92:8b:e9:b6:01': '02:00:00:00:00:03',
    },
  },
  // Parameters that are written meet a run that is under way.
  'write-during-run': { varies: true },
};
/** Recordings with packets of pg0: their sequence numbers and bytes. */
const CAPTURED: Readonly<Record<string, string>> = {
  'start-again': 'start-again.pcap',
  'two-devices-one-thread': 'two-devices-one-thread-pg0.pcap',
};
const TIMEOUT_MS = 30_000;

const withoutTime = (frame: Uint8Array): string => Buffer.from(frame.subarray(0, frame.length - 8)).toString('hex');

describe('life of the control files', { skip: cannotServe() ?? false }, () => {
  for (const name of goldenNames('life')) {
    test(`life ${name}`, { timeout: TIMEOUT_MS }, async () => {
      const bench = new Bench();
      const player = new LifePlayer(bench, await Served.start(bench.near), RULES[name] ?? {});
      try {
        const pcap = CAPTURED[name];
        using netns = Netns.open(bench.far);
        using sink = pcap === undefined ? undefined : capture('pg0p', { netns });
        await player.play(readTranscript('life', name) as LifeLine[]);
        if (sink === undefined || pcap === undefined) return;
        const { records } = readPcap(readFileSync(join(goldenFolder, 'life', pcap)));
        const recorded = records.map(({ bytes }) => bytes).filter((frame) => frame[12] === 0x08);
        assert.deepEqual(sink.stop().map(withoutTime), recorded.map(withoutTime));
      } finally {
        await player.close();
        bench.close();
      }
    });
  }
});
