import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jobOf } from '../../tests/support/job.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { chooseTransmitter, type LiveFacts } from './choose-transmitter.ts';
import { missingForLive } from './live/live-facts.ts';

const TAKES: LiveFacts = { takesFrames: true };

/** [what, configuration, change of the job, what is known of live frames, what is chosen, why]. */
const ROWS: readonly (readonly [
  what: string,
  lines: readonly string[],
  change: Partial<TransmitJob>,
  facts: LiveFacts,
  chosen: string | undefined,
  why: RegExp,
])[] = [
  ['live frames where they are possible', [], {}, TAKES, 'live', /program compiled from the configuration/],
  [
    'the ring where it is asked for',
    ['transmitter ring'],
    {},
    TAKES,
    'ring',
    /live frames would be faster: "transmitter auto"/,
  ],
  [
    'the ring where it is asked for and all there is',
    ['transmitter ring'],
    {},
    { missing: 'no' },
    'ring',
    /^as configured$/,
  ],
  ['nowhere', ['transmitter null'], {}, TAKES, 'null', /made and forgotten/],
  ['a missing capability', [], {}, { missing: 'wants CAP_BPF' }, 'ring', /^no live frames: wants CAP_BPF$/],
  ['a link that takes none', [], {}, { takesFrames: false, linkReason: 'gro on' }, 'ring', /no live frames: gro on/],
  ['a kernel that does not tell', [], {}, {}, 'ring', /does not tell .* Linux 6.3/],
  ['the qdisc', ['xmit_mode queue_xmit'], {}, TAKES, 'ring', /queueing discipline: "xmit_mode start_xmit"/],
  ['a priority', ['skb_priority 5'], {}, TAKES, 'ring', /"skb_priority 0"/],
  ['a long delay', ['delay 200000'], {}, TAKES, 'ring', /more than 100 µs the ring sleeps/],
  ['a delay that is short enough', ['delay 100000'], {}, TAKES, 'live', /./],
  ['frames longer than the MTU', ['pkt_size 1519'], {}, TAKES, 'ring', /frames of 1519 bytes are longer than the 1518/],
  [
    'frames longer than a page',
    ['pkt_size 3401'],
    { link: { name: 'pg0', index: 3, mtu: 9000 } },
    TAKES,
    'ring',
    /3401 bytes are longer than the 3400/,
  ],
  [
    'live by name where it is not possible',
    ['transmitter live'],
    {},
    { takesFrames: false },
    undefined,
    /takes no redirected frames/,
  ],
  ['netif_receive', ['xmit_mode netif_receive'], {}, TAKES, 'live', /only live frames can be received/],
  [
    'netif_receive on a link that takes none itself',
    ['xmit_mode netif_receive'],
    {},
    { takesFrames: false },
    'live',
    /./,
  ],
  [
    'netif_receive without eBPF',
    ['xmit_mode netif_receive'],
    {},
    { missing: 'old' },
    undefined,
    /netif_receive needs live frames: old/,
  ],
  [
    'netif_receive through the ring',
    ['xmit_mode netif_receive', 'transmitter ring'],
    {},
    TAKES,
    undefined,
    /write "transmitter auto"/,
  ],
];

describe('the transmitter that is chosen, and why', () => {
  for (const [what, lines, change, facts, chosen, why] of ROWS) {
    test(what, async () => {
      const job = { ...(await jobOf(lines)), ...change };
      const choice = chooseTransmitter(job, facts);
      assert.equal(choice.name, chosen);
      assert.match(choice.why, why);
    });
  }

  test('what this process or kernel lacks', () => {
    assert.equal(missingForLive(undefined, '6.1.0-18-amd64'), undefined);
    assert.equal(missingForLive(undefined, '5.18.0'), undefined);
    assert.match(missingForLive(undefined, '5.15.0-91') ?? '', /need Linux 5.18, this is 5.15.0-91/);
    assert.match(missingForLive('bpf: EPERM', '6.1.0') ?? '', /CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.*bpf: EPERM/);
  });
});
