import { assemble } from '../../src/ebpf/assembler.ts';
import { exit, mov } from '../../src/ebpf/code.ts';
import { R0 } from '../../src/ebpf/instruction.ts';
import { BpfLink } from '../../src/linux/bpf-link.ts';
import { BpfProgram } from '../../src/linux/bpf-program.ts';
import type { TestPair } from './netns.ts';

/** What is to be done with frames at the far end; with any program there, the near end takes live frames. */
export function atFarEnd(pair: TestPair, verdict: number): Disposable {
  using program = new BpfProgram('XDP', assemble([mov(R0, verdict), exit()]), 'test_verdict');
  return pair.far.run(() => BpfLink.xdp(pair.farLink.index, program));
}
