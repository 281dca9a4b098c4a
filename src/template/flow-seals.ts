import { findAssociation } from '../ipsec/find-association.ts';
import type { SealCrypto } from '../ipsec/seal-crypto.ts';
import { newSealer, type Sealer } from '../ipsec/sealer.ts';
import { headerLen, type SecurityAssociation } from '../ipsec/security-association.ts';
import { STATE } from './device-state.ts';
import { MAX_FLOWS } from './flow-table.ts';
import type { PacketTemplate, SealRule } from './packet-template.ts';

/** What sealing takes from outside: it computes nothing random, and no cryptography. */
export interface SealMeans {
  readonly crypto: SealCrypto;
  /** Random bytes for IVs: SALT_LEN of them. */
  readonly salt: Uint8Array;
  /** Packets sealed so far, by association: what its sequence number goes on from. Outlives a template. */
  readonly sealed: Map<string, { packets: number }>;
}

/** The associations of a device's flows (the member x of struct flow_state). */
export interface FlowSeals {
  /** Bytes that packets are made shorter by, so that the header that is put in leaves their size as it is. */
  readonly overhead: number;
  /** Whether a flow was looked at in this run. */
  isKnown(flow: number): boolean;
  /** Looks for the association of a flow that has none, by the addresses of the packet at hand (get_ipsec_sa). */
  look(flow: number): void;
  /** Seals the frame of a flow at `at`; its new length. Frames of a flow without an association stay as they are. */
  seal(flow: number, at: number, length: number): number;
}

/** An association, and how many packets it has sealed. */
interface Seal {
  readonly sealer: Sealer;
  readonly sealed: { packets: number };
}

/** `bytes`: the memory that frames lie in. Throws RangeError, when a flow finds it, for an association that cannot be used. */
export function newFlowSeals(
  template: PacketTemplate & { readonly seal: SealRule },
  state: Uint32Array,
  bytes: Uint8Array,
  { crypto, salt, sealed }: SealMeans,
): FlowSeals {
  const { associations, spi, sequence } = template.seal;
  const { ip, l3 } = template.fixups;
  const known = new Uint8Array(MAX_FLOWS);
  const seals: (Seal | undefined)[] = [];
  const made = new Map<SecurityAssociation, Seal>();
  let overhead = 0;

  function sealOf(association: SecurityAssociation): Seal {
    const own = made.get(association);
    if (own) return own;
    const key = `${association.proto} ${association.spi} ${association.dst.join('.')}`;
    const before = sealed.get(key) ?? { packets: 0 };
    sealed.set(key, before);
    const oseq = association.oseq + before.packets;
    const seal = { sealer: newSealer({ ...association, oseq }, crypto, { sequence, salt }), sealed: before };
    made.set(association, seal);
    return seal;
  }

  return {
    get overhead() {
      return overhead;
    },
    isKnown: (flow) => known[flow] === 1,
    look(flow) {
      known[flow] = 1;
      if (seals[flow]) return;
      const [src, dst] =
        ip === 4
          ? [addressOf(state, STATE.curSrcAddr, 1), addressOf(state, STATE.curDstAddr, 1)]
          : [addressOf(state, STATE.curSrcAddr6, 4), addressOf(state, STATE.curDstAddr6, 4)];
      const association = findAssociation(associations, { family: ip, src, dst }, spi);
      if (!association) return;
      seals[flow] = sealOf(association);
      // As the kernel has it: of the association that was found last, for all flows.
      overhead = headerLen(association);
    },
    seal(flow, at, length) {
      const seal = seals[flow];
      if (!seal) return length;
      seal.sealed.packets++;
      return seal.sealer.seal(bytes, at, length, l3);
    },
  };
}

/** An address of so many words of the state, as its bytes. */
function addressOf(state: Uint32Array, at: number, words: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * words));
  for (let n = 0; n < words; n++) view.setUint32(4 * n, state[at + n] ?? 0);
  return new Uint8Array(view.buffer);
}
