import { assemble } from '../../ebpf/assembler.ts';
import { alu, call, exit, jump, jumpIf32, label, load, mapValue, mov, mov32, store } from '../../ebpf/code.ts';
import { type Code, R0, R1, R2, R3, R6, R7, R10 } from '../../ebpf/instruction.ts';
import { BpfLink } from '../../linux/bpf-link.ts';
import type { SharedMap } from '../../linux/bpf-map.ts';
import { BpfProgram } from '../../linux/bpf-program.ts';
import { LINK, LINK_WORDS, MOST_LINKS, THREAD } from './thread-memory.ts';

/** Arguments of the tracepoint xdp_devmap_xmit, 8 bytes each: from_dev, to_dev, sent, drops, err. */
const ARGUMENT = { toDev: 8, sent: 16, drops: 24 } as const;
/** Where the index of the link is read to: offset from the end of the stack. */
const IFINDEX = -8;

/**
 * A program on the kernel's tracepoint of redirected frames: what the driver took and what it did not take, for each link
 * of the thread. It says so at once, for every driver, and apart from what others send; the link's own statistics do not.
 * `ifindexOffset`: of the member ifindex in struct net_device; undefined when the thread has one link only.
 */
export const lossCode = (ifindexOffset: number | undefined): Code => {
  const done = label('done');
  return [
    [mov(R6, R1), mapValue(R7, 'thread'), call('get_current_pid_tgid')],
    [load(R1, 'u32', R7, THREAD.tid * 4), jumpIf32(R0, '!=', R1, done)],
    ifindexOffset === undefined ? addCode(0) : eachLink(ifindexOffset),
    [done, mov(R0, 0), exit()],
  ];
};

/** Finds the link among those of the thread. */
function eachLink(ifindexOffset: number): Code {
  const found = label('counted');
  return [
    [mov(R1, R10), alu(R1, '+', IFINDEX), mov(R2, 4), load(R3, 'u64', R6, ARGUMENT.toDev), alu(R3, '+', ifindexOffset)],
    [call('probe_read_kernel'), load(R2, 'u32', R10, IFINDEX)],
    Array.from({ length: MOST_LINKS }, (_, i) => {
      const other = label('other link');
      const at = (THREAD.links + i * LINK_WORDS + LINK.ifindex) * 4;
      return [load(R1, 'u32', R7, at), jumpIf32(R1, '!=', R2, other), addCode(i), jump(found), other];
    }),
    found,
  ];
}

/** Counts for the link in this place of the thread's memory. */
const addCode = (place: number): Code =>
  (['sent', 'drops'] as const).map((argument) => {
    const at = (THREAD.links + place * LINK_WORDS + (argument === 'sent' ? LINK.sent : LINK.dropped)) * 4;
    return [
      [load(R1, 'u64', R6, ARGUMENT[argument]), mov32(R1, R1), load(R0, 'u64', R7, at), alu(R0, '+', R1)],
      store(R7, at, 'u64', R0),
    ];
  });

/** Counts frames for as long as it is open. Wants CAP_PERFMON. Throws SyscallError or VerifierError. */
export function openLossCounter(thread: SharedMap, ifindexOffset: number | undefined): Disposable {
  using program = new BpfProgram(
    'RAW_TRACEPOINT',
    assemble(lossCode(ifindexOffset), { thread: thread.fd }),
    'pktgen_losses',
  );
  return BpfLink.rawTracepoint('xdp_devmap_xmit', program);
}
