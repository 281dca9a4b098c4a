import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jobOf } from '../../tests/support/job.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import type { Link } from '../pktgen/link.ts';
import { chooseTransmitter, type TransmitFacts } from './choose-transmitter.ts';
import { missingForLive } from './live/live-facts.ts';

/** What is changed of the job: of its link, some. */
type Change = Partial<Omit<TransmitJob, 'link'>> & { readonly link?: Partial<Link> };
type Facts = Pick<TransmitFacts, 'live' | 'noXsk' | 'receivesOn'>;
const TAKES: Facts = { live: { takesFrames: true } };
const FOUR_QUEUES: Change = { link: { txQueues: 4 } };
const NO_XSK = { noXsk: 'AF_XDP is refused' };

/** [what, configuration, change of the job, what is known of live frames, what is chosen, why]. */
const ROWS: readonly (readonly [
  what: string,
  lines: readonly string[],
  change: Change,
  facts: Facts,
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
    { live: { missing: 'no' } },
    'ring',
    /^as configured$/,
  ],
  ['nowhere', ['transmitter null'], {}, TAKES, 'null', /made and forgotten/],
  ['a missing capability', [], {}, { live: { missing: 'wants CAP_BPF' } }, 'ring', /^no live frames: wants CAP_BPF$/],
  [
    'a link that takes none',
    [],
    {},
    { live: { takesFrames: false, linkReason: 'gro on' } },
    'ring',
    /no live frames: gro on/,
  ],
  ['a kernel that does not tell', [], {}, { live: {} }, 'ring', /does not tell .* Linux 6.3/],
  ['the qdisc', ['xmit_mode queue_xmit'], {}, TAKES, 'ring', /queueing discipline: "xmit_mode start_xmit"/],
  ['a priority', ['skb_priority 5'], {}, TAKES, 'ring', /"skb_priority 0"/],
  ['a long delay', ['delay 200000'], {}, TAKES, 'ring', /more than 100 µs the ring sleeps/],
  ['a delay that is short enough', ['delay 100000'], {}, TAKES, 'live', /./],
  ['frames longer than the MTU', ['pkt_size 1519'], {}, TAKES, 'ring', /frames of 1519 bytes are longer than the 1518/],
  [
    'frames longer than a page',
    ['pkt_size 3401'],
    { link: { mtu: 9000 } },
    TAKES,
    'ring',
    /3401 bytes are longer than the 3400/,
  ],
  [
    'live by name where it is not possible',
    ['transmitter live'],
    {},
    { live: { takesFrames: false } },
    undefined,
    /takes no redirected frames/,
  ],
  ['netif_receive', ['xmit_mode netif_receive'], {}, TAKES, 'live', /only live frames can be received/],
  [
    'netif_receive on a link that takes none itself',
    ['xmit_mode netif_receive'],
    {},
    { live: { takesFrames: false } },
    'live',
    /./,
  ],
  [
    'netif_receive without eBPF',
    ['xmit_mode netif_receive'],
    {},
    { live: { missing: 'old' } },
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
  [
    'the queue of another CPU',
    ['queue_map_min 2', 'queue_map_max 2'],
    FOUR_QUEUES,
    TAKES,
    'xsk',
    /^live frames go to the transmit queue of their CPU, 0, and queue 2 is asked for$/,
  ],
  ['several queues', ['queue_map_max 3'], FOUR_QUEUES, TAKES, 'xsk', /queues 0 to 3 are asked for/],
  ['queues of a link that has one', ['queue_map_max 3'], {}, TAKES, 'live', /./],
  ['QUEUE_MAP_CPU', ['flag QUEUE_MAP_CPU'], FOUR_QUEUES, TAKES, 'live', /./],
  [
    'queues without AF_XDP',
    ['queue_map_max 3'],
    FOUR_QUEUES,
    { ...TAKES, ...NO_XSK },
    'ring',
    /queues 0 to 3 are asked for; no AF_XDP: AF_XDP is refused; the kernel chooses/,
  ],
  [
    'queues without AF_XDP nor live frames',
    ['queue_map_max 3'],
    FOUR_QUEUES,
    { live: { missing: 'old' }, ...NO_XSK },
    'ring',
    /no live frames: old; no AF_XDP: AF_XDP is refused; the kernel chooses the transmit queue/,
  ],
  ['queues and the qdisc', ['queue_map_max 3', 'xmit_mode queue_xmit'], FOUR_QUEUES, TAKES, 'ring', /queueing/],
  ['AF_XDP by name', ['transmitter xsk'], {}, TAKES, 'xsk', /^as configured; live frames would be faster/],
  ['AF_XDP by name where it is refused', ['transmitter xsk'], {}, { ...TAKES, ...NO_XSK }, undefined, /is refused/],
  ['zero-copy only by name', ['transmitter xsk_zc'], {}, TAKES, 'xsk_zc', /^as configured/],
  ['one fragment', ['frags 1'], {}, TAKES, 'ring', /live frames are in one piece, and a fragment/],
  ['fragments', ['frags 3'], {}, TAKES, 'xsk', /in one piece, and 3 fragments/],
  [
    'live frames by name, fragments',
    ['frags 3', 'transmitter live'],
    {},
    TAKES,
    'live',
    /^as configured; live frames are in one/,
  ],
  [
    'netif_receive beside that of another link',
    ['xmit_mode netif_receive'],
    {},
    { ...TAKES, receivesOn: 999 },
    undefined,
    /another link already.*add the device to another thread/,
  ],
  ['a NUMA node of another CPU', ['flag NODE'], { node: 1 }, TAKES, 'ring', /lie on NUMA node 0.*CPU on node 1/],
  ['the NUMA node of the CPU', ['flag NODE'], { node: 0 }, TAKES, 'live', /./],
];

describe('the transmitter that is chosen, and why', () => {
  for (const [what, lines, change, facts, chosen, why] of ROWS) {
    test(what, async () => {
      const { link, ...others } = change;
      const job = { ...(await jobOf(lines, link)), ...others };
      const choice = chooseTransmitter(job, { cpu: 0, node: 0, ...facts });
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
