import { grouped } from './figures-text.ts';

/** A run as it stands, all devices together. */
export interface Progress {
  readonly packets: number;
  readonly bytes: number;
  /** Packets to send; 0: until stopped. */
  readonly count: number;
  readonly elapsedMs: number;
}

const UNITS: readonly (readonly [number, string])[] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** A number in three or four digits with its unit: 1.52 Mpps. */
export function short(value: number, unit: string): string {
  const [scale, prefix] = UNITS.find(([least]) => value >= least) ?? [1, ''];
  const scaled = value / scale;
  return `${scaled.toFixed(scale === 1 ? 0 : scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${prefix}${unit}`;
}

/** Seconds as people say them: 3 s, 2 min 05 s, 1 h 10 min. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
}

/** The live line of a run: rates since the last look, how far it is, how long it will take. */
export function progressLine(now: Progress, last: Progress): string {
  const seconds = Math.max(now.elapsedMs - last.elapsedMs, 1) / 1000;
  const pps = Math.max(0, now.packets - last.packets) / seconds;
  const bps = (Math.max(0, now.bytes - last.bytes) * 8) / seconds;
  const rates = `${short(pps, 'pps')} · ${short(bps, 'bit/s')}`;
  if (now.count === 0)
    return `${rates} · ${grouped(now.packets)} packets in ${duration(now.elapsedMs / 1000)} · ^C ends`;
  const percent = Math.min(100, (100 * now.packets) / now.count);
  const left = pps > 0 ? ` · ${duration((now.count - now.packets) / pps)} left` : '';
  return `${rates} · ${grouped(now.packets)} of ${grouped(now.count)} · ${percent.toFixed(1)} %${left}`;
}
