import type {
  AssociationFlag,
  AssociationMode,
  AssociationProtocol,
  Encapsulation,
  SecurityAssociation,
} from '../ipsec/security-association.ts';
import { SyscallError } from '../linux/errno.ts';
import {
  XFRM_ENCAP,
  XFRM_FAMILY,
  XFRM_MODE,
  XFRM_PROTO,
  XFRM_SA_XFLAG,
  XFRM_STATE,
  XfrmSocket,
  type XfrmState,
} from '../linux/xfrm.ts';

const PROTOCOLS: Readonly<Record<number, AssociationProtocol>> = {
  [XFRM_PROTO.ESP]: 'esp',
  [XFRM_PROTO.AH]: 'ah',
  [XFRM_PROTO.COMP]: 'comp',
  [XFRM_PROTO.ROUTING]: 'route2',
  [XFRM_PROTO.DSTOPTS]: 'hao',
};
const MODES: Readonly<Record<number, AssociationMode>> = {
  [XFRM_MODE.TRANSPORT]: 'transport',
  [XFRM_MODE.TUNNEL]: 'tunnel',
  [XFRM_MODE.ROUTEOPTIMIZATION]: 'ro',
  [XFRM_MODE.IN_TRIGGER]: 'in_trigger',
  [XFRM_MODE.BEET]: 'beet',
  [XFRM_MODE.IPTFS]: 'iptfs',
};
const FLAGS: readonly (readonly [AssociationFlag, number])[] = [
  ['noecn', XFRM_STATE.NOECN],
  ['decap-dscp', XFRM_STATE.DECAP_DSCP],
  ['nopmtudisc', XFRM_STATE.NOPMTUDISC],
  ['wildrecv', XFRM_STATE.WILDRECV],
  ['icmp', XFRM_STATE.ICMP],
  ['af-unspec', XFRM_STATE.AF_UNSPEC],
  ['align4', XFRM_STATE.ALIGN4],
  ['esn', XFRM_STATE.ESN],
];
const EXTRA_FLAGS: readonly (readonly [AssociationFlag, number])[] = [
  ['dont-encap-dscp', XFRM_SA_XFLAG.DONT_ENCAP_DSCP],
  ['oseq-may-wrap', XFRM_SA_XFLAG.OSEQ_MAY_WRAP],
];
const ENCAPSULATIONS: Readonly<Record<number, Encapsulation['type']>> = {
  [XFRM_ENCAP.ESPINUDP_NON_IKE]: 'espinudp-nonike',
  [XFRM_ENCAP.ESPINUDP]: 'espinudp',
  [XFRM_ENCAP.ESPINTCP]: 'espintcp',
};

const named = (table: typeof FLAGS, bits: number): AssociationFlag[] =>
  table.flatMap(([name, bit]) => (bits & bit ? [name] : []));

/** An IPsec state of the kernel in the generator's words; undefined for one of a protocol or mode that is not known. */
export function associationOf(state: XfrmState): SecurityAssociation | undefined {
  const { family, proto, mode, flags, extraFlags, encap, ...same } = state;
  const knownProto = PROTOCOLS[proto];
  const knownMode = MODES[mode];
  if (!knownProto || !knownMode) return undefined;
  const type = encap && ENCAPSULATIONS[encap.type];
  if (encap && !type) return undefined;
  return {
    ...same,
    family: family === XFRM_FAMILY.INET6 ? 6 : 4,
    proto: knownProto,
    mode: knownMode,
    flags: [...named(FLAGS, flags), ...named(EXTRA_FLAGS, extraFlags)],
    ...(encap && type && { encap: { ...encap, type } }),
  };
}

/** The associations of a network namespace: that of the thread which makes this. */
export class AssociationSource implements Disposable {
  readonly #given: () => readonly SecurityAssociation[];
  #socket: XfrmSocket | undefined;
  /** Why the kernel's cannot be read. */
  #refused: string | undefined;

  /** `given`: associations that come before the kernel's. */
  constructor(given: () => readonly SecurityAssociation[] = () => []) {
    this.#given = given;
    try {
      this.#socket = new XfrmSocket();
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.#refused = error.message;
    }
  }

  /** All of them as they are now, in the order in which pktgen looks at them. */
  associations(log: (line: string) => void): readonly SecurityAssociation[] {
    const given = this.#given();
    try {
      if (this.#socket) return [...given, ...this.#socket.states().flatMap((state) => associationOf(state) ?? [])];
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.#refused = error.message;
    }
    if (given.length === 0) log(`WARNING: the kernel's security associations cannot be read: ${this.#refused}`);
    return given;
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }
}
