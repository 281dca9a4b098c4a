import { assemble } from '../src/ebpf/assembler.ts';
import { alu, call, exit, jump, jumpIf, label, load, mapValue, mov, store } from '../src/ebpf/code.ts';
import { type Code, R0, R1, R2, R7 } from '../src/ebpf/instruction.ts';
import { SharedMap } from '../src/linux/bpf-map.ts';
import { BpfProgram } from '../src/linux/bpf-program.ts';
import type { VethPair } from './veth-pair.ts';

/** A bucket of the histogram, ns, and how many there are; the last one takes all that is longer. */
const BUCKET_NS = 50;
const BUCKETS = 8192;
const XDP_DROP = 1;
/** The map before its buckets, bytes: when the last and the first frame came, ktime, and how many came. */
const AT = { last: 0, first: 8, frames: 16 } as const;
const HEAD = 24;

/** Notes when a frame came, counts the gap to the one before, and drops it. */
function recorderCode(): Code {
  const [done, inside, later] = [label('done'), label('inside'), label('later')];
  return [
    [
      call('ktime_get_ns'),
      mapValue(R7, 'gaps'),
      load(R1, 'u64', R7),
      store(R7, AT.last, 'u64', R0),
      load(R2, 'u64', R7, AT.frames),
      alu(R2, '+', 1),
      store(R7, AT.frames, 'u64', R2),
    ],
    [jumpIf(R1, '!=', 0, later), store(R7, AT.first, 'u64', R0), jump(done), later],
    [alu(R0, '-', R1), alu(R0, '/', BUCKET_NS), jumpIf(R0, '<', BUCKETS, inside), mov(R0, BUCKETS - 1), inside],
    [
      alu(R0, '<<', 3),
      mapValue(R1, 'gaps', HEAD),
      alu(R1, '+', R0),
      load(R2, 'u64', R1),
      alu(R2, '+', 1),
      store(R1, 0, 'u64', R2),
    ],
    [done, mov(R0, XDP_DROP), exit()],
  ];
}

/** How far the gaps of a run were from what they should be. */
export interface GapErrors {
  /** Packets a second by the far end's clock, but for the first two, which leave together. */
  readonly pps: number;
  /** ns. */
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  /** Gaps that were off by more than LARGE_NS, %. */
  readonly large: number;
  /** Share of the gaps by their error: `<1us 99.2%`. */
  readonly histogram: string;
}

/** An error that shows. */
export const LARGE_NS = 2000;
const EDGES_NS = [100, 250, 500, 1000, 2000, 5000, 20_000, Number.POSITIVE_INFINITY];

/** Records the gaps between frames at the far end of a pair, by the far end's own clock. */
export class GapRecorder implements Disposable {
  readonly #map = new SharedMap(HEAD + BUCKETS * 8, 'pktgen_gaps');
  readonly #link: Disposable;

  constructor(pair: VethPair) {
    using program = new BpfProgram('XDP', assemble(recorderCode(), { gaps: this.#map.fd }), 'pktgen_gaps');
    this.#link = pair.attach(program);
  }

  /** What came since the last call, against gaps of `gapNs`. */
  take(gapNs: number): GapErrors {
    const counts = Array.from(new BigUint64Array(this.#map.memory, HEAD, BUCKETS), Number);
    const [last = 0, first = 0, frames = 0] = Array.from(new BigUint64Array(this.#map.memory, 0, 3), Number);
    new Uint8Array(this.#map.memory).fill(0);
    const errors = counts
      .map((count, i) => ({ count, error: Math.abs((i + 0.5) * BUCKET_NS - gapNs) }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => a.error - b.error);
    const all = errors.reduce((sum, { count }) => sum + count, 0);
    const quantile = (share: number): number => {
      let seen = 0;
      for (const { count, error } of errors) {
        seen += count;
        if (seen >= share * all) return error;
      }
      return Number.NaN;
    };
    let below = 0;
    const histogram = EDGES_NS.map((edge) => {
      const within = errors.reduce((sum, { count, error }) => sum + (error >= below && error < edge ? count : 0), 0);
      const name = Number.isFinite(edge) ? `<${edge}ns` : `more`;
      below = edge;
      return `${name} ${((100 * within) / all).toFixed(2)}%`;
    }).join(' ');
    const far = errors.reduce((sum, { count, error }) => sum + (error > LARGE_NS ? count : 0), 0);
    const pps = ((frames - 2) * 1e9) / (last - first);
    return {
      pps,
      p50: quantile(0.5),
      p99: quantile(0.99),
      worst: errors.at(-1)?.error ?? Number.NaN,
      large: (100 * far) / all,
      histogram,
    };
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
    this.#map[Symbol.dispose]();
  }
}
