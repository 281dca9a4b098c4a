import { STATE } from '../template/device-state.ts';
import type { CommandContext, CommandOutcome, Shortcut } from './command.ts';
import { DEVICE_PARAMS } from './params.ts';
import { digits } from './scan.ts';

/** Sets the delay to what a rate works out to; a rate of nothing fails and changes nothing (since 6.15). */
const setDelay = (on: CommandContext, rate: number, nsTimesRate: bigint): CommandOutcome => {
  if (rate === 0) return { config: on.config, errno: 'EINVAL' };
  const delay = BigInt.asUintN(64, nsTimesRate) / BigInt(rate);
  const log = on.debug ? [`Delay set at: ${delay} ns`] : [];
  return { config: { ...on.config, delay }, result: `OK: rate=${rate}`, log };
};

/** State words of the counters of a run (pktgen_clear_counters). */
export const CLEARED_COUNTERS = [
  [STATE.seqNum, 1],
  ...[STATE.idle, STATE.sofar, STATE.txBytes, STATE.errors, STATE.lost, STATE.lostBytes].flatMap((at) => [
    [at, 0],
    [at + 1, 0],
  ]),
] as [number, number][];

/** Commands of a device file that are not parameters of their own. */
export const SHORTCUTS = {
  pkt_size: {
    placeholder: 'N',
    doc: 'Sets min_pkt_size and max_pkt_size: all frames have this size, without FCS.',
    group: 'size',
    unit: 'bytes',
    run: (line, from, on) => {
      const size = DEVICE_PARAMS.min_pkt_size.clamp?.(digits(line, from, 10).value) ?? 0;
      const stored = size >>> 0;
      const same = size === on.config.min_pkt_size;
      return {
        config: same ? on.config : { ...on.config, min_pkt_size: stored, max_pkt_size: stored },
        result: `OK: pkt_size=${stored | 0}`,
        patches: same ? [] : [[STATE.curPktSize, stored]],
      };
    },
  },
  rate: {
    placeholder: 'N',
    doc: 'Sets the delay from a rate of frame bits, by min_pkt_size as it is now.',
    group: 'run',
    unit: 'Mbit/s',
    run: (line, from, on) => {
      const rate = digits(line, from, 10).value;
      return setDelay(on, rate, BigInt(Math.imul(on.config.min_pkt_size, 8)) * 1000n);
    },
  },
  ratep: {
    placeholder: 'N',
    doc: 'Sets the delay from a packet rate.',
    group: 'run',
    unit: 'packets/s',
    run: (line, from, on) => setDelay(on, digits(line, from, 10).value, 1_000_000_000n),
  },
  debug: {
    placeholder: 'N',
    doc: 'Sets the debug parameter of all devices: says more in the log.',
    group: 'other',
    run: (line, from, on) => {
      const debug = digits(line, from, 10).value >>> 0;
      return { config: on.config, result: `OK: debug=${debug}`, debug };
    },
  },
  clear_counters: {
    placeholder: '',
    doc: 'Sets the counters of the device to zero.',
    group: 'other',
    run: (_line, _from, on) => ({
      config: on.config,
      result: 'OK: Clearing counters.\n',
      patches: CLEARED_COUNTERS,
    }),
  },
} satisfies Record<string, Shortcut>;
