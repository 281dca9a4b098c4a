/** The most flows of a device (MAX_CFLOWS). */
export const MAX_FLOWS = 65536;

/** Per-flow state of a device: packets so far, begun or not, the destination that the flow keeps, its last sequence number. */
export interface FlowTable {
  readonly count: Uint32Array;
  readonly begun: Uint8Array;
  readonly dstAddr: Uint32Array;
  /** For packets with a flow tag. */
  readonly seq: Uint32Array;
}

/** Where the columns of a table of MAX_FLOWS lie in its memory, bytes. */
export const FLOW_OFFSET = { count: 0, dstAddr: MAX_FLOWS * 4, seq: MAX_FLOWS * 8, begun: MAX_FLOWS * 12 } as const;
/** Bytes of such a table. */
export const FLOW_TABLE_LEN = MAX_FLOWS * 13;

/** A table in memory that may be shared; it outlives runs and templates, as the kernel's does. */
export const flowTableIn = (memory: ArrayBufferLike, flows = MAX_FLOWS): FlowTable => ({
  count: new Uint32Array(memory, FLOW_OFFSET.count, flows),
  dstAddr: new Uint32Array(memory, FLOW_OFFSET.dstAddr, flows),
  seq: new Uint32Array(memory, FLOW_OFFSET.seq, flows),
  begun: new Uint8Array(memory, FLOW_OFFSET.begun, flows),
});

/** A table of its own memory. */
export const newFlowTable = (flows = MAX_FLOWS): FlowTable => ({
  count: new Uint32Array(flows),
  begun: new Uint8Array(flows),
  dstAddr: new Uint32Array(flows),
  seq: new Uint32Array(flows),
});
