import { Attributes, BPF, bpfAttr } from './bpf.ts';

/** BPF_PROG_TEST_RUN flag: the frames are real ones and go where the verdict says (kernel 5.18). */
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
/** struct xdp_md of linux/bpf.h. */
const xdpMd = { size: 24, dataEnd: 4, ingressIfindex: 12 } as const;
/** The longest frame of a test run, with room. */
const MOST_OUT = 4096;

/** What a program did with a frame. */
export interface TestRunResult {
  readonly verdict: number;
  readonly frame: Uint8Array;
}

/** Runs a program once on a frame that goes nowhere, and gives what became of it. Throws SyscallError. */
export function testRun(program: number, frame: Uint8Array): TestRunResult {
  const { testRun: at } = bpfAttr;
  const out = new Uint8Array(MOST_OUT);
  const attributes = new Attributes(at.size)
    .u32(at.program, program)
    .pointer(at.dataIn, frame)
    .u32(at.dataSizeIn, frame.byteLength)
    .pointer(at.dataOut, out)
    .u32(at.dataSizeOut, out.byteLength)
    .u32(at.repeat, 1);
  attributes.check(BPF.PROG_TEST_RUN, `BPF_PROG_TEST_RUN, ${frame.byteLength} bytes`);
  return {
    verdict: attributes.view.getUint32(at.retval, true),
    frame: out.subarray(0, attributes.view.getUint32(at.dataSizeOut, true)),
  };
}

/** A run on live frames. */
export interface LiveRun {
  readonly program: number;
  /** What is in each frame's memory at first. */
  readonly frame: Uint8Array;
  /** How often the program runs. */
  readonly repeat: number;
  /** Frames that the kernel makes before it sends them, 1 to 256. */
  readonly batchSize: number;
  /** The link that frames seem to come from; they are received there when the verdict is XDP_PASS. Without: loopback. */
  readonly ingress?: number;
}

/**
 * Runs a program on live frames, on this thread, until it ran `repeat` times or a signal comes. Gives 0 or a negative
 * errno: EINTR after a signal. Wants CAP_NET_ADMIN and CAP_BPF.
 */
export function liveRun({ program, frame, repeat, batchSize, ingress }: LiveRun): number {
  const { testRun: at } = bpfAttr;
  const attributes = new Attributes(at.size)
    .u32(at.program, program)
    .pointer(at.dataIn, frame)
    .u32(at.dataSizeIn, frame.byteLength)
    .u32(at.repeat, repeat)
    .u32(at.flags, BPF_F_TEST_XDP_LIVE_FRAMES)
    .u32(at.batchSize, batchSize);
  if (ingress !== undefined) {
    const context = new Uint8Array(xdpMd.size);
    const view = new DataView(context.buffer);
    view.setUint32(xdpMd.dataEnd, frame.byteLength, true);
    view.setUint32(xdpMd.ingressIfindex, ingress, true);
    attributes.pointer(at.ctxIn, context).u32(at.ctxSizeIn, context.byteLength);
  }
  return attributes.call(BPF.PROG_TEST_RUN);
}
