import type { Device } from '../pktgen/device.ts';
import { type RunResult, resultText } from '../pktgen/result-text.ts';
import { grouped, shortTime } from './figures-text.ts';
import type { Arrived, Trip } from './run-receiver.ts';

/** A device's run, as `--json` prints it. */
export interface DeviceResult {
  readonly device: string;
  readonly link: string;
  readonly thread: number;
  /** How it was sent: live, ring, pcap, null; none when nothing could be. */
  readonly transmitter: string;
  /** Packets to send; 0: until stopped. */
  readonly count: number;
  /** Packets that left. */
  readonly packets: number;
  readonly errors: number;
  /** Bytes of their frames, without FCS. */
  readonly bytes: number;
  readonly elapsedUs: number;
  readonly idleUs: number;
  readonly frameSize: number;
  readonly frags: number;
  readonly pps: number;
  /** L2 bits per second. */
  readonly bps: number;
  /** The kernel's text. */
  readonly result: string;
}

/** The run of a device as plain data. */
export function deviceResult(device: Device): DeviceResult {
  const run: RunResult = device.figures();
  return {
    device: device.name,
    link: device.link.name,
    thread: device.cpu,
    transmitter: device.sending?.transmitter ?? 'none',
    count: device.config.count,
    packets: run.packets,
    errors: run.errors,
    bytes: run.bytes,
    elapsedUs: Math.floor(run.elapsedNs / 1000),
    idleUs: Math.floor(run.idleNs / 1000),
    frameSize: run.size,
    frags: run.frags,
    pps: run.pps,
    bps: run.bps,
    result: device.result.startsWith('ERROR') ? device.result : resultText(run),
  };
}

/** Whether everything that was asked for left. */
export const allSent = (results: readonly DeviceResult[]): boolean =>
  results.every(
    (one) => !one.result.startsWith('ERROR') && (one.count === 0 ? one.errors === 0 : one.packets >= one.count),
  );

/** The figures of all devices of a run together. */
export interface TotalResult {
  readonly devices: number;
  readonly packets: number;
  readonly errors: number;
  readonly bytes: number;
  /** Sums of what each device reached while it ran. */
  readonly pps: number;
  readonly bps: number;
}

export function totalOf(results: readonly DeviceResult[]): TotalResult {
  const sum = (of: (one: DeviceResult) => number): number => results.reduce((total, one) => total + of(one), 0);
  return {
    devices: results.length,
    packets: sum((one) => one.packets),
    errors: sum((one) => one.errors),
    bytes: sum((one) => one.bytes),
    pps: sum((one) => one.pps),
    bps: sum((one) => one.bps),
  };
}

/** The results for people: the kernel's text for each device, and a total where there are several. */
export function resultsText(results: readonly DeviceResult[]): string {
  const each = results.map((one) => `Device: ${one.device}\nResult: ${one.result}\n`);
  if (results.length < 2) return each.join('');
  const { devices, packets, pps, bps, errors } = totalOf(results);
  const total =
    `Total: ${devices} devices, ${grouped(packets)} packets, ${grouped(pps)} pps, ` +
    `${grouped(bps / 1e6)} Mbit/s, errors: ${errors}\n`;
  return [...each, total].join('');
}

/** Packets that left, of all devices. */
export const sentBy = (results: readonly DeviceResult[]): number => totalOf(results).packets;

/** How the latency of a trip is to be understood. */
const TRIP_TEXT: { readonly [T in Trip]: string } = { 'one-way': 'one-way, same clock', 'round trip': 'round trip' };

/** Both ends of a run in one line, and what is out of the ordinary below. */
export function arrivedText(sent: number, arrived: Arrived): string {
  const { packets, lost, reordered = 0, duplicates = 0, missed, latency, trip } = arrived;
  const parts = [
    `sent ${grouped(sent)}`,
    `received ${grouped(packets)}`,
    `lost ${grouped(lost)}`,
    reordered > 0 && `reordered ${grouped(reordered)}`,
    duplicates > 0 && `duplicates ${grouped(duplicates)}`,
    latency && `p99 latency ${shortTime(latency.p99)} ${TRIP_TEXT[trip]}`,
  ];
  const note =
    missed > 0
      ? `the receiver was too slow for ${grouped(missed)} of them: nothing is known of their latency and order\n`
      : '';
  return `${parts.filter(Boolean).join(' · ')}\n${note}`;
}

/** What a run's receiver has seen, as plain data. */
export function arrivedJson({ histogram: _, ...arrived }: Arrived): object {
  return arrived;
}
