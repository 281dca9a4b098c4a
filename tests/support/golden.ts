import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPcap } from '../../src/wire/pcap.ts';
import { projectRoot } from './project.ts';

/** The recordings of the real kernel; their README tells how they were made. */
export const goldenFolder = join(projectRoot, 'tests/golden');

/** One line of a control or life transcript. */
export interface TranscriptLine {
  readonly t?: number;
  readonly file?: string;
  readonly write?: string;
  /** 0 or the errno's name; `open:ENOENT` when there is no such file. */
  readonly errno?: number | string;
  /** What write(2) returned, where that is not the length. */
  readonly ret?: number;
  readonly result?: string;
  readonly show?: string;
  readonly ls?: readonly string[];
  readonly dmesg?: readonly string[];
  readonly cat?: string;
  readonly text?: string | null;
  readonly shell?: string;
  readonly output?: string;
  readonly event?: string;
}

/** A run that was captured. */
export interface DataCase {
  readonly name: string;
  readonly pre: readonly string[];
  readonly writes: readonly { readonly file: string; readonly write: string; readonly errno: number | string }[];
  readonly before: string;
  readonly after: string;
  readonly start: { readonly errno: number; readonly dmesg: readonly string[]; readonly stopped_by_us_after?: number };
  readonly captured?: number;
  readonly pcap?: string;
}

/** Names of the cases of a folder, without their ending. */
export const goldenNames = (folder: 'control' | 'data' | 'clone' | 'life'): string[] =>
  readdirSync(join(goldenFolder, folder))
    .filter((name) => name.endsWith('.json') || name.endsWith('.jsonl'))
    .map((name) => name.replace(/\.jsonl?$/, ''))
    .sort();

export const readTranscript = (folder: 'control' | 'life', name: string): TranscriptLine[] =>
  readFileSync(join(goldenFolder, folder, `${name}.jsonl`), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TranscriptLine);

export const readCase = <T>(folder: 'data' | 'clone', name: string): T =>
  JSON.parse(readFileSync(join(goldenFolder, folder, `${name}.json`), 'utf8')) as T;

/** Lines of parameters that the kernel's pktgen does not have. */
const OURS = /^ {5}transmitter: .*\n/gm;

/** Times and rates vary by nature, and some lines are ours; everything else must be equal. */
export const maskTimes = (text: string): string =>
  text
    .replace(OURS, '')
    .replace(/started: \d+us {2}stopped: \d+us idle: \d+us/g, 'TIMES')
    .replace(/OK: \d+\(c-?\d+\+d\d+\) usec/g, 'OK: USEC')
    .replace(/ {2}\d+pps \d+Mb\/sec \(\d+bps\)/g, '  RATE');

/** The text after `Result: ` of a file's text. */
export const resultOf = (text: string | undefined): string | undefined =>
  text?.includes('Result: ') ? text.slice(text.indexOf('Result: ') + 'Result: '.length) : undefined;

/**
 * Writes that newer kernels (6.15 and later) answer differently from the one that was recorded; we follow the newer
 * ones. Each is a row of docs/kernel-differences.md and has its own test.
 */
export function followsNewerKernel(file: string, data: string): boolean {
  if (file === 'pgctrl')
    return !/^(start|stop|reset)[\n\0]$/.test(data) && (data.length > 128 || /^(start|stop|reset)/.test(data));
  const name = /^["\s=]*([^"\s\0]*)/.exec(data)?.[1] ?? '';
  if (name.includes('=')) return true;
  if (name === 'rate' || name === 'ratep') return !/^["\s=]*\w+["\s=]+0{0,9}[1-9]/.test(data);
  return false;
}

/** The frames captured of a case, without the ICMPv6 chatter of the capturing host. */
export function recordedFrames({ pcap }: DataCase): Uint8Array[] {
  if (pcap === undefined) return [];
  const { records } = readPcap(readFileSync(join(goldenFolder, 'data', pcap)));
  const isChatter = (frame: Uint8Array): boolean => frame[12] === 0x86 && frame[13] === 0xdd && frame[20] === 58;
  return records.map((record) => record.bytes).filter((frame) => !isChatter(frame));
}
