import { assemble } from '../src/ebpf/assembler.ts';
import { call, exit, mov } from '../src/ebpf/code.ts';
import { R1, R2 } from '../src/ebpf/instruction.ts';
import { BpfProgram } from '../src/linux/bpf-program.ts';
import { RouteSocket } from '../src/linux/rtnetlink.ts';
import type { Runner } from '../src/transmit/live/runner.ts';

/** Frames of the two calls whose difference is measured: what a call costs by itself falls out. */
const FRAMES = [500_000, 3_000_000] as const;
const BATCH = 64;

/** Frames per second of a live-frame program that only redirects a constant frame: the ceiling for any that does more. */
export function constantFrameRate(runner: Runner, link: string, length: number): number {
  using routes = new RouteSocket();
  const ifindex = routes.link(link)?.index ?? 0;
  using program = new BpfProgram('XDP', assemble([mov(R1, ifindex), mov(R2, 0), call('redirect'), exit()]), 'constant');
  const frame = new Uint8Array(length);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  const [short, long] = FRAMES.map((repeat) => {
    const begun = performance.now();
    runner.begin({ program: program.fd, frame, repeat, batchSize: BATCH });
    const result = runner.wait();
    if (result !== 0) throw new Error(`live frames: errno ${-result}`);
    return performance.now() - begun;
  });
  return ((FRAMES[1] - FRAMES[0]) * 1000) / ((long ?? 0) - (short ?? 0));
}
