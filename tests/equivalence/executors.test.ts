import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { assemble } from '../../src/ebpf/assembler.ts';
import { alu, call, exit, jumpIf, label, load, mapValue, mov, store } from '../../src/ebpf/code.ts';
import { type Code, R0, R1, R2, R3, R6, R7, R8, R10 } from '../../src/ebpf/instruction.ts';
import { SharedMap } from '../../src/linux/bpf-map.ts';
import { BpfProgram } from '../../src/linux/bpf-program.ts';
import { testRun } from '../../src/linux/bpf-test-run.ts';
import { hasCapability } from '../../src/linux/capabilities.ts';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import { constantBytes } from '../../src/template/constant-bytes.ts';
import { STATE, STATE_WORDS } from '../../src/template/device-state.ts';
import { packetCode } from '../../src/template/ebpf-executor.ts';
import { FLOW_TABLE_LEN, flowTableIn, newFlowTable } from '../../src/template/flow-table.ts';
import { newPacketWriter } from '../../src/template/javascript-executor.ts';
import { configuration } from '../support/configuration.ts';
import { jobOf } from '../support/job.ts';

const PACKETS = 50;
const LONGEST = 2048;
const XDP_PASS = 2;

/** What both executors leave behind. */
interface Executed {
  readonly frames: readonly Uint8Array[];
  readonly state: Uint32Array;
  /** Sequence numbers of flows that count for themselves. */
  readonly seq: Uint32Array;
}

/** A moment and sequence numbers whose sums carry. */
function setTime(state: Uint32Array, { seq, sec, usec, nsec }: Record<'seq' | 'sec' | 'usec' | 'nsec', number>): void {
  state[STATE.seqNum] = seq;
  state[STATE.timeSec] = sec;
  state[STATE.timeUsec] = usec;
  state[STATE.timeNsec] = nsec;
}

function inJavaScript({ template, state }: TransmitJob): Executed {
  const memory = new Uint8Array(LONGEST);
  const words = state.slice();
  const flows = newFlowTable();
  const writer = newPacketWriter(template, words, memory, flows);
  const length = new Uint32Array(1);
  writer.prepare(0);
  const frames = Array.from({ length: PACKETS }, () => {
    writer.write(0, 0, 1, length, new Uint16Array(1));
    return memory.slice(0, length[0]);
  });
  return { frames, state: words, seq: flows.seq };
}

describe('the eBPF executor makes what the JavaScript executor makes', {
  skip: !hasCapability('CAP_BPF') && 'needs root (CAP_BPF)',
}, () => {
  let state: SharedMap;
  let flows: SharedMap;
  before(() => {
    state = new SharedMap(STATE_WORDS * 4, 'equal_state');
    flows = new SharedMap(FLOW_TABLE_LEN, 'equal_flows');
  });
  after(() => {
    state[Symbol.dispose]();
    flows[Symbol.dispose]();
  });

  /** The code of a packet, with what a transmitter puts around it. */
  function program({ template, state: initial }: TransmitJob, whole: number, room: number): Code {
    const drop = label('drop');
    const { code } = packetCode({ template, state: initial, flows: 'flows', whole });
    return [
      [store(R10, -8, 'u64', R1), load(R6, 'u32', R1, 0), load(R2, 'u32', R1, 4)],
      [mov(R3, R6), alu(R3, '+', room), jumpIf(R3, '>', R2, drop), mapValue(R7, 'state')],
      code,
      [load(R1, 'u64', R10, -8), mov(R2, R8), alu(R2, '-', room), call('xdp_adjust_tail')],
      [jumpIf(R0, '!=', 0, drop), mov(R0, XDP_PASS), exit()],
      [drop, mov(R0, 0), exit()],
    ];
  }

  function inEbpf(job: TransmitJob, laid: boolean): Executed {
    const { template } = job;
    const room = template.frame.length;
    const code = program(job, laid ? 0 : room, room);
    using loaded = new BpfProgram('XDP', assemble(code, { state: state.fd, flows: flows.fd }), 'equal');
    const words = new Uint32Array(state.memory, 0, STATE_WORDS);
    words.set(job.state);
    new Uint8Array(flows.memory).fill(0);
    const constant = constantBytes(template, job.state).subarray(0, room);
    const frame = laid ? constant : new Uint8Array(room).fill(0xa5);
    const frames = Array.from({ length: PACKETS }, (_, i) => {
      const result = testRun(loaded.fd, frame);
      assert.equal(result.verdict, XDP_PASS, `packet ${i}`);
      return result.frame.slice();
    });
    return { frames, state: words.slice(), seq: flowTableIn(flows.memory).seq };
  }

  const time = fc.record({
    seq: fc.oneof(fc.nat(9), fc.nat(0xffff_ffff), fc.constant(0xffff_fff0)),
    sec: fc.nat(0xffff_ffff),
    usec: fc.nat(999_999),
    nsec: fc.nat(999),
  });
  test('whatever is configured: bytes, lengths and state', async () => {
    await fc.assert(
      fc.asyncProperty(configuration, time, fc.boolean(), async (lines, at, laid) => {
        const job = await jobOf(lines);
        setTime(job.state, at);
        const expected = inJavaScript(job);
        const actual = inEbpf(job, laid);
        for (const [i, frame] of expected.frames.entries()) assert.deepEqual(actual.frames[i], frame, `packet ${i}`);
        assert.deepEqual(actual.state, expected.state);
        assert.ok(
          Buffer.from(actual.seq.buffer, actual.seq.byteOffset, actual.seq.byteLength).equals(
            Buffer.from(expected.seq.buffer),
          ),
        );
      }),
      { numRuns: Number(process.env.EQUIVALENCE_RUNS ?? 2000) },
    );
  });
});
