/**
 * What moves while a device sends, as 32-bit words in shared memory: a SharedArrayBuffer for the JavaScript loop, a
 * memory-mapped map for eBPF. Whoever sends writes it, whoever shows a device file reads it, and nobody asks the other.
 * Values of 64 bits take two words, low word first; addresses are in host order. Names are those of struct pktgen_dev.
 */
export const STATE = {
  sofar: 0,
  errors: 2,
  txBytes: 4,
  /** ktime of start and of the end, ns. */
  startedAt: 6,
  stoppedAt: 8,
  /** ns spent waiting for the departure time. */
  idle: 10,
  /** Departure time of the next packet, ns. */
  nextTx: 12,
  /** Sequence number that the next packet carries; a repeated packet uses one up too. */
  seqNum: 14,
  /** Next IPv4 identification; runs on across runs. */
  ipId: 15,
  /** 1 from start to stop. The last word written at the end of a run. */
  running: 16,
  curSrcMacOffset: 17,
  curDstMacOffset: 18,
  curSrcAddr: 19,
  curDstAddr: 20,
  curUdpSrc: 21,
  curUdpDst: 22,
  curPktSize: 23,
  curQueueMap: 24,
  curFlow: 25,
  /** Flows begun in this run (nflows). */
  flowsSeen: 26,
  vlanId: 27,
  svlanId: 28,
  /** Sends of the packet at hand beyond its first (clone_count). */
  cloneCount: 29,
  /** 1 when the last send succeeded; 0 for a device that has never sent, which is why its first delay is skipped. */
  lastOk: 30,
  /** Fragments of the packet at hand plus one; 0 when nothing was built (shown as -1frags). */
  builtFrags: 31,
  /** Four words each, network order of the words. */
  curSrcAddr6: 32,
  curDstAddr6: 36,
  /** Up to 16 label stack entries, as configured or drawn. */
  labels: 40,
  /** Two words for each of up to 20 sizes. */
  imixCounts: 56,
  /** The four words of the random source (xorshift128). */
  random: 96,
  /** Wall clock for the packets built next: seconds and microseconds, as in struct pktgen_hdr. */
  timeSec: 100,
  timeUsec: 101,
  /** Set to 1 to end the run: whoever sends looks at it before every few packets. Cleared when a run begins. */
  stop: 102,
  /** For live frames: what the program does for the device, a LIVE_PHASE. */
  phase: 103,
  /** Packets of the burst at hand that are still to be sent, and sends of the packet at hand, whose length is kept. */
  burstLeft: 105,
  repeatLeft: 106,
  repeatLength: 107,
  /** ktime of the last look at the clock; one in (mask + 1) frames has a look of its own. */
  stampedAt: 108,
  stampMask: 110,
  /** Packets after which the program is to pause: those to send, and those that were lost. */
  limit: 112,
  /** Of `sofar` and `txBytes`: what was handed over but never left. Written by the thread that watches over the program. */
  lost: 114,
  lostBytes: 116,
  /** The flow tag of the packet at hand, where flows have tags. */
  flowTag: 118,
  /** What timeUsec leaves of the wall clock, 0 to 999 ns. */
  timeNsec: 119,
} as const;

/** What a program of live frames does for a device. */
export const LIVE_PHASE = {
  /** Nothing. */
  IDLE: 0,
  /** Sends. */
  SEND: 1,
  /** It has sent `limit` packets, or has seen `stop`. */
  PAUSED: 2,
  /** Is to begin with its next turn. */
  BEGIN: 3,
} as const;

/** Words of a device's state. */
export const STATE_WORDS = 128;
/** Where live frames keep the headers of a packet that is sent several times: bytes from the start of the state. */
export const KEPT_FRAME = STATE_WORDS * 4;

/** A device's state in memory that can be shared with a worker. */
export const newDeviceState = (): Uint32Array<SharedArrayBuffer> =>
  new Uint32Array(new SharedArrayBuffer(STATE_WORDS * 4));

const WORD = 0x1_0000_0000;

/** Reads a 64-bit value as a number (exact up to 2^53); consistent while another thread writes it. */
export function readU64(words: Uint32Array, at: number): number {
  for (;;) {
    const high = words[at + 1] ?? 0;
    const low = words[at] ?? 0;
    if (high === words[at + 1]) return high * WORD + low;
  }
}

/** Writes a non-negative number below 2^53 as a 64-bit value. */
export function writeU64(words: Uint32Array, at: number, value: number): void {
  words[at + 1] = Math.floor(value / WORD);
  words[at] = value % WORD;
}

/** What has left so far in this run: lost frames are errors. */
export function progressOf(words: Uint32Array): { packets: number; bytes: number; errors: number } {
  const lost = readU64(words, STATE.lost);
  return {
    packets: Math.max(0, readU64(words, STATE.sofar) - lost),
    bytes: Math.max(0, readU64(words, STATE.txBytes) - readU64(words, STATE.lostBytes)),
    errors: readU64(words, STATE.errors) + lost,
  };
}

/** Adds to a 64-bit value. */
export const addU64 = (words: Uint32Array, at: number, more: number): void =>
  writeU64(words, at, readU64(words, at) + more);

/** Seeds the random source; equal seeds give equal packets, whoever executes the template. */
export function seedRandom(words: Uint32Array, seed: number): void {
  let mix = seed >>> 0;
  for (let i = 0; i < 4; i++) {
    mix = (Math.imul(mix ^ (mix >>> 16), 0x45d9f3b) + 0x9e3779b9) >>> 0;
    words[STATE.random + i] = (mix ^ (mix >>> 15)) >>> 0;
  }
  if ((words[STATE.random] ?? 0) === 0) words[STATE.random] = 1;
}
