import type { TransmitJob } from '../../pktgen/engine.ts';
import { STATE } from '../../template/device-state.ts';
import { longestFrame } from '../../template/packet-template.ts';

/** The longest live frame, bytes: a page less head and tail room (BPF_PROG_TEST_RUN). */
export const LONGEST_LIVE = 3400;
/** The most devices of one program: each of them is some hundred instructions, and jumps reach 32 Ki instructions. */
export const MOST_DEVICES = 32;
/**
 * Longest delay that is waited for inside the program, ns: the kernel's pktgen looks at the clock up to so long, and
 * sleeps beyond. Longer ones leave the CPU to others through the ring's loop, which keeps them as well.
 */
export const LONGEST_LIVE_DELAY_NS = 100_000;

/** Frames a second up to which batches of so many are sent: small ones leave sooner, large ones cost less. */
const BATCHES = [
  { pps: 1_100_000, batchSize: 1 },
  { pps: 2_200_000, batchSize: 4 },
  { pps: 3_300_000, batchSize: 16 },
] as const;
const FULL_BATCH = 64;

/** How many frames the kernel is to make before it sends them: a paced frame is to leave at once. */
export function batchSizeFor(jobs: readonly TransmitJob[]): number {
  const pps = jobs.reduce((sum, { pace }) => sum + (Math.max(pace.burst, 1) * 1e9) / pace.delayNs, 0);
  return BATCHES.find((row) => pps <= row.pps)?.batchSize ?? FULL_BATCH;
}

/** Frames up to this length are written whole. */
const WRITTEN_WHOLE = 192;

/** Whether who gets a frame gets its memory too, and may write into it: the next frame finds there what was left. */
const isHandedOver = ({ link, mode }: TransmitJob): boolean => link.kind === 'veth' || mode === 'netif_receive';

/**
 * Length of the frames as the kernel makes them: what all have. Where lengths vary it is that of the longest header, and
 * each frame grows from there, its new bytes zeros; so do long frames whose memory others may have written into.
 */
export function roomFor(jobs: readonly TransmitJob[]): number {
  const headers = longestHeader(jobs);
  const [length, ...others] = new Set(jobs.map(fixedLength));
  if (length === undefined || others.length > 0) return headers;
  return length > WRITTEN_WHOLE && jobs.some(isHandedOver) ? headers : length;
}

/** How many bytes from its start a program writes of each frame: all of a short one, else every header there has been. */
export function wholeBytes(
  job: TransmitJob,
  { room, headers }: { readonly room: number; readonly headers: number },
): number {
  const length = fixedLength(job);
  return Math.min(room, length !== undefined && length <= WRITTEN_WHOLE ? Math.max(length, headers) : headers);
}

/** The longest header of some devices. */
export const longestHeader = (jobs: readonly TransmitJob[]): number =>
  Math.max(...jobs.map(({ template }) => template.frame.length));

/** The length of all frames of a device; undefined where it varies. */
const fixedLength = ({ template, state }: TransmitJob): number | undefined =>
  template.size.kind === 'fixed' ? longestFrame(template, state[STATE.curPktSize] ?? 0) : undefined;
