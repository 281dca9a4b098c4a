import { progressOf, readU64, STATE } from '../template/device-state.ts';
import type { DeviceConfig } from './params.ts';

/** A run in figures. */
export interface RunResult {
  /** Packets that left. */
  readonly packets: number;
  readonly errors: number;
  /** Bytes of the frames that left, without FCS. */
  readonly bytes: number;
  readonly elapsedNs: number;
  /** Of that, time spent waiting for a departure. */
  readonly idleNs: number;
  /** The packet size as the state has it at the end. */
  readonly size: number;
  /** Fragments of the last packet; -1 when none was made. */
  readonly frags: number;
  readonly pps: number;
  /** L2 bits per second. */
  readonly bps: number;
}

/** The figures of the run that the state describes, as show_results works them out. */
export function runResult(config: DeviceConfig, state: Uint32Array): RunResult {
  const { packets, bytes, errors } = progressOf(state);
  const elapsedNs = Math.max(0, readU64(state, STATE.stoppedAt) - readU64(state, STATE.startedAt));
  // Never more than the whole run: the kernel lets the difference run below zero.
  const idleNs = Math.min(readU64(state, STATE.idle), elapsedNs);
  const size = (state[STATE.curPktSize] ?? 0) | 0;
  const perSecond = (amount: number): number =>
    elapsedNs === 0 ? 0 : Number((BigInt(amount) * 1_000_000_000n) / BigInt(Math.floor(elapsedNs)));
  const pps = perSecond(packets);
  return {
    packets,
    errors,
    bytes,
    elapsedNs,
    idleNs,
    size,
    frags: (state[STATE.builtFrags] ?? 0) - 1,
    pps,
    bps: config.imix_weights.length > 0 ? perSecond(bytes * 8) : pps * 8 * size,
  };
}

/** The text of a result: two lines that scripts look for. */
export function resultText(run: RunResult): string {
  const us = (ns: number): number => Math.floor(ns / 1000);
  return (
    `OK: ${us(run.elapsedNs)}(c${us(run.elapsedNs - run.idleNs)}+d${us(run.idleNs)}) usec, ` +
    `${run.packets} (${run.size}byte,${run.frags}frags)\n` +
    `  ${run.pps}pps ${Math.floor(run.bps / 1_000_000)}Mb/sec (${run.bps}bps) errors: ${run.errors}`
  );
}
