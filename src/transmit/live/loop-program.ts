import {
  alu,
  alu32,
  call,
  exit,
  jump,
  jumpIf,
  label,
  load,
  mapAddress,
  mapValue,
  mov,
  movHalves,
  store,
} from '../../ebpf/code.ts';
import { type Code, type Label, type MapName, R0, R1, R2, R3, R6, R7, R8, R9, R10 } from '../../ebpf/instruction.ts';
import type { TransmitJob } from '../../pktgen/engine.ts';
import { KEPT_FRAME, LIVE_PHASE, STATE } from '../../template/device-state.ts';
import { packetCode } from '../../template/ebpf-executor.ts';
import { MIN_PAYLOAD } from '../../template/packet-template.ts';
import { MAX_FRAGS } from '../fragments.ts';
import { clockCode, exactClockCode, wallClockCode } from './clock-code.ts';
import { departureCode } from './departure-code.ts';
import { wholeBytes } from './live-limits.ts';
import { STACK } from './stack.ts';
import { THREAD } from './thread-memory.ts';

/** XDP verdicts (enum xdp_action, linux/bpf.h). */
const XDP = { DROP: 1, PASS: 2 } as const;

/** Names of the maps in a thread's programs. */
export const THREAD_MAP: MapName = 'thread';
export const PROGRAMS_MAP: MapName = 'programs';
export const stateMap = (id: number): MapName => `state ${id}`;
export const flowsMap = (id: number): MapName => `flows ${id}`;

/** What a program is made for. */
export interface LoopOptions {
  /** Devices in the order of the thread's list. */
  readonly jobs: readonly TransmitJob[];
  /** Length of the frames as the kernel makes them. */
  readonly room: number;
  /** Frames that the kernel makes before it sends them. */
  readonly batchSize: number;
  /** Length of the longest header that a program of this call has written. */
  readonly headers: number;
}

/** Where a packet of `job` goes on when it has been dealt with. */
interface Exits {
  readonly drop: Label;
}

/** The program that a call of live frames begins with: it goes on with whatever program is in the array. */
export const entryCode = (): Code => [
  [mapAddress(R2, PROGRAMS_MAP), mov(R3, 0), call('tail_call')],
  [mov(R0, XDP.DROP), exit()],
];

/** Address of a word of the device's state in R7, of the thread's memory in another register. */
const word = (index: number): number => index * 4;

/**
 * The loop of a kpktgend thread as a program that runs once for each frame: picks the device whose departure is next,
 * waits for it, writes the packet, counts it and sends it off (pktgen_thread_worker, pktgen_xmit).
 */
export function loopCode(options: LoopOptions): Code {
  const { jobs } = options;
  const drop = label('drop');
  const blocks = jobs.map((job) => ({ job, at: label(job.name) }));
  return [
    store(R10, STACK.context, 'u64', R1),
    [mapValue(R9, THREAD_MAP), load(R0, 'u32', R9, word(THREAD.turns))],
    [mov(R1, R0), alu32(R1, '+', 1), store(R9, word(THREAD.turns), 'u32', R1), store(R10, STACK.turn, 'u64', R0)],
    pickCode(blocks, drop),
    ...blocks.map(({ job, at }) => [at, deviceCode(job, options, { drop })]),
    [drop, mov(R0, XDP.DROP), exit()],
  ];
}

/** Jumps to the running device that departs next, the first of those that depart at once (next_to_run). */
function pickCode(blocks: readonly { readonly job: TransmitJob; readonly at: Label }[], drop: Label): Code {
  const [only, ...more] = blocks;
  if (!only) return [jump(drop)];
  if (more.length === 0) return readyCode(only.job, drop);
  return [
    // R9: the earliest departure so far, R8: whose it is.
    [movHalves(R9, -1, -1), mov(R8, blocks.length)],
    blocks.map(({ job }, i) => {
      const next = label('next device');
      return [
        [readyCode(job, next), load(R0, 'u64', R7, word(STATE.nextTx))],
        [jumpIf(R0, '>=', R9, next), mov(R9, R0), mov(R8, i), next],
      ];
    }),
    blocks.map(({ job, at }, i) => {
      const other = label('other device');
      return [jumpIf(R8, '!=', i, other), mapValue(R7, stateMap(job.id)), jump(at), other];
    }),
    jump(drop),
  ];
}

/** R7 = the state of a device that is to send, which begins if it has not; goes to `other` if it is not to. */
function readyCode(job: TransmitJob, other: Label): Code {
  const ready = label('ready');
  return [
    [mapValue(R7, stateMap(job.id)), load(R0, 'u32', R7, word(STATE.phase)), jumpIf(R0, '==', LIVE_PHASE.SEND, ready)],
    [jumpIf(R0, '!=', LIVE_PHASE.BEGIN, other), beginCode(other), ready],
  ];
}

/** One packet of a device whose state is in R7. */
function deviceCode(job: TransmitJob, options: LoopOptions, { drop }: Exits): Code {
  const { template, pace, mode, link } = job;
  const [pause, depart, drawn] = [label('pause'), label('depart'), label('packet is made')];
  const repeats = Math.max(pace.burst, 1) * Math.max(pace.cloneSkb, 1);
  const whole = wholeBytes(job, options);
  const packet = packetCode({ template, state: job.state, flows: flowsMap(job.id), whole });
  const make = [packet.code, repeats > 1 ? keepCode(job, repeats) : []];
  const paced = pace.delayNs > 0;
  const { timestamp, nsec } = template.fixups;
  const exact = nsec !== undefined;
  const stamp = timestamp ? wallClockCode(exact) : [];
  return [
    [load(R0, 'u32', R7, word(STATE.stop)), jumpIf(R0, '!=', 0, pause)],
    pace.burst > 1 ? [load(R0, 'u32', R7, word(STATE.burstLeft)), jumpIf(R0, '!=', 0, depart)] : [],
    paced ? departureCode({ delayNs: pace.delayNs, drop, pause, stamp, exact }) : [],
    timestamp && !paced ? (exact ? exactClockCode() : clockCode(options.batchSize)) : [],
    pace.burst > 1 ? store(R7, word(STATE.burstLeft), 'u32', pace.burst) : [],
    depart,
    frameCode(options.room, drop),
    repeats > 1 ? [repeatCode(job, drawn), make, drawn] : make,
    tailCode(packet.length, options.room, drop),
    countCode(job),
    sendCode(mode, link.index),
    // Out of the way of packets: the end of a run.
    [pause, pauseCode(), jump(drop)],
  ];

  /** R6 = the frame, of which as much may be written as the kernel made it long. */
  function frameCode(room: number, bad: Label): Code {
    return [
      [load(R1, 'u64', R10, STACK.context), load(R6, 'u32', R1, 0), load(R2, 'u32', R1, 4)],
      [mov(R3, R6), alu(R3, '+', room), jumpIf(R3, '>', R2, bad)],
    ];
  }

  /** Counts the packet of R8 bytes, and pauses after the last. */
  function countCode({ frags, pace: { burst, count } }: TransmitJob): Code {
    const more = label('more to come');
    const add = (state: number, what: Code): Code => [
      [load(R0, 'u64', R7, word(state)), what, store(R7, word(state), 'u64', R0)],
    ];
    const inBurst: Code =
      burst > 1
        ? [
            [
              load(R1, 'u32', R7, word(STATE.burstLeft)),
              alu32(R1, '-', 1),
              store(R7, word(STATE.burstLeft), 'u32', R1),
            ],
            jumpIf(R1, '!=', 0, more),
          ]
        : [];
    return [
      frags > 0 ? fragsCode(frags, template.fixups.payload) : [],
      store(R7, word(STATE.lastOk), 'u32', 1),
      add(STATE.txBytes, [alu(R0, '+', R8)]),
      add(STATE.sofar, [alu(R0, '+', 1)]),
      // A whole burst goes, even when fewer packets are left.
      count === 0 && burst <= 1 ? [] : [inBurst, count === 0 ? [] : limitCode(more)],
      more,
    ];
  }
}

/** R0 is the number of packets so far. */
const limitCode = (more: Label): Code => [
  [load(R0, 'u64', R7, word(STATE.sofar)), load(R1, 'u64', R7, word(STATE.limit)), jumpIf(R0, '<', R1, more)],
  pauseCode(),
];

/** The run begins with the first turn, when the kernel has made its frames, that comes after the time to begin. */
const beginCode = (tooEarly: Label): Code => [
  [call('ktime_get_ns'), mapValue(R1, THREAD_MAP), load(R1, 'u64', R1, word(THREAD.beginAt))],
  [jumpIf(R0, '<', R1, tooEarly)],
  [store(R7, word(STATE.startedAt), 'u64', R0), store(R7, word(STATE.nextTx), 'u64', R0)],
  [store(R7, word(STATE.stampedAt), 'u64', 0), store(R7, word(STATE.stampMask), 'u32', 0)],
  [store(R7, word(STATE.builtFrags), 'u32', 1), store(R7, word(STATE.burstLeft), 'u32', 0)],
  [store(R7, word(STATE.repeatLeft), 'u32', 0), store(R7, word(STATE.phase), 'u32', LIVE_PHASE.SEND)],
];

const pauseCode = (): Code => [
  [call('ktime_get_ns'), store(R7, word(STATE.stoppedAt), 'u64', R0)],
  store(R7, word(STATE.phase), 'u32', LIVE_PHASE.PAUSED),
];

/** Notes the fragments of a packet of R8 bytes: they are what a result shows. */
function fragsCode(frags: number, payload: number): Code {
  const whole = label('no fragments');
  return [
    [mov(R0, 1), jumpIf(R8, '<=', payload + MIN_PAYLOAD, whole), mov(R0, Math.min(frags, MAX_FRAGS) + 1)],
    [whole, store(R7, word(STATE.builtFrags), 'u32', R0)],
  ];
}

/** Offsets of the words in which a packet's headers are copied: 8 bytes each, the last ones 4 or 2. */
function copyCode({ template }: TransmitJob, from: typeof R6, fromAt: number, to: typeof R6, toAt: number): Code {
  const length = template.frame.length;
  const parts: Code[] = [];
  for (let at = 0; at < length; ) {
    const size = length - at >= 8 ? 'u64' : length - at >= 4 ? 'u32' : 'u16';
    parts.push([load(R0, size, from, fromAt + at), store(to, toAt + at, size, R0)]);
    at += { u64: 8, u32: 4, u16: 2 }[size];
  }
  return parts;
}

/** Keeps the packet just made, of R8 bytes: it is to be sent `repeats` times. */
const keepCode = (job: TransmitJob, repeats: number): Code => [
  copyCode(job, R6, 0, R7, KEPT_FRAME),
  store(R7, word(STATE.repeatLength), 'u32', R8),
  store(R7, word(STATE.repeatLeft), 'u32', repeats - 1),
];

/** Sends the packet at hand again, if it is to be: it uses up a sequence number of its own, which it does not show. */
function repeatCode(job: TransmitJob, done: Label): Code {
  const fresh = label('new packet');
  return [
    [load(R0, 'u32', R7, word(STATE.repeatLeft)), jumpIf(R0, '==', 0, fresh)],
    [alu32(R0, '-', 1), store(R7, word(STATE.repeatLeft), 'u32', R0)],
    copyCode(job, R7, KEPT_FRAME, R6, 0),
    [load(R0, 'u32', R7, word(STATE.seqNum)), alu32(R0, '+', 1), store(R7, word(STATE.seqNum), 'u32', R0)],
    [load(R8, 'u32', R7, word(STATE.repeatLength)), jump(done), fresh],
  ];
}

/** Gives the frame its length, R8. */
function tailCode(length: number | undefined, room: number, bad: Label): Code {
  if (length === room) return [];
  return [
    [load(R1, 'u64', R10, STACK.context), mov(R2, R8), alu(R2, '-', room), call('xdp_adjust_tail')],
    jumpIf(R0, '!=', 0, bad),
  ];
}

const sendCode = (mode: TransmitJob['mode'], ifindex: number): Code =>
  mode === 'netif_receive' ? [mov(R0, XDP.PASS), exit()] : [mov(R1, ifindex), mov(R2, 0), call('redirect'), exit()];
