/** The most flows of a device (MAX_CFLOWS). */
export const MAX_FLOWS = 65536;

/** Per-flow state of a device: packets so far, begun or not, and the destination that the flow keeps. */
export interface FlowTable {
  readonly count: Uint32Array;
  readonly begun: Uint8Array;
  readonly dstAddr: Uint32Array;
}

/** A table that holds every flow there can be; it outlives runs and templates, as the kernel's does. */
export const newFlowTable = (flows = MAX_FLOWS): FlowTable => ({
  count: new Uint32Array(flows),
  begun: new Uint8Array(flows),
  dstAddr: new Uint32Array(flows),
});
