import { type NetlinkMessage, NetlinkSocket, NLM_F, parseAttributes } from './netlink.ts';

const NETLINK_XFRM = 6;
/** Message types of linux/xfrm.h. */
export const XFRM_MSG = { NEWSA: 0x10, GETSA: 0x12 } as const;
/** Attributes of linux/xfrm.h. */
export const XFRMA = {
  ALG_AUTH: 1,
  ALG_CRYPT: 2,
  ENCAP: 4,
  REPLAY_VAL: 10,
  ALG_AEAD: 18,
  ALG_AUTH_TRUNC: 20,
  MARK: 21,
  REPLAY_ESN_VAL: 23,
  SA_EXTRA_FLAGS: 24,
  IF_ID: 31,
} as const;
/** Address families, protocols, modes, flags and types of UDP encapsulation, as the kernel counts them. */
export const XFRM_FAMILY = { INET: 2, INET6: 10 } as const;
export const XFRM_PROTO = { ROUTING: 43, ESP: 50, AH: 51, DSTOPTS: 60, COMP: 108 } as const;
export const XFRM_MODE = { TRANSPORT: 0, TUNNEL: 1, ROUTEOPTIMIZATION: 2, IN_TRIGGER: 3, BEET: 4, IPTFS: 5 } as const;
export const XFRM_STATE = {
  NOECN: 1,
  DECAP_DSCP: 2,
  NOPMTUDISC: 4,
  WILDRECV: 8,
  ICMP: 16,
  AF_UNSPEC: 32,
  ALIGN4: 64,
  ESN: 128,
} as const;
export const XFRM_SA_XFLAG = { DONT_ENCAP_DSCP: 1, OSEQ_MAY_WRAP: 2 } as const;
export const XFRM_ENCAP = { ESPINUDP_NON_IKE: 1, ESPINUDP: 2, ESPINTCP: 7 } as const;

/** struct xfrm_usersa_info of linux/xfrm.h. */
export const xfrmUsersaInfo = {
  size: 224,
  id: 56,
  saddr: 80,
  reqid: 208,
  family: 212,
  mode: 214,
  flags: 216,
} as const;
/** struct xfrm_id, the `id` of a state. */
export const xfrmId = { size: 24, daddr: 0, spi: 16, proto: 20 } as const;
/** struct xfrm_algo, xfrm_algo_auth, xfrm_algo_aead: the length of the key in bits, the key behind the struct. */
export const xfrmAlgo = { size: 68, name: 0, keyLen: 64, key: 68 } as const;
export const xfrmAlgoAuth = { size: 72, name: 0, keyLen: 64, truncLen: 68, key: 72 } as const;
export const xfrmAlgoAead = { size: 72, name: 0, keyLen: 64, icvLen: 68, key: 72 } as const;
export const xfrmEncapTmpl = { size: 24, type: 0, sport: 2, dport: 4 } as const;
export const xfrmMark = { size: 8, value: 0, mask: 4 } as const;
export const xfrmReplayState = { size: 12, oseq: 0 } as const;
export const xfrmReplayStateEsn = { size: 24, oseq: 4, oseqHi: 12 } as const;

/** An algorithm of a state. Keys are zeros where the kernel is locked down for confidentiality. */
export interface XfrmAlgorithm {
  readonly name: string;
  readonly key: Uint8Array;
}

/** An IPsec state of a network namespace, in the kernel's numbers. */
export interface XfrmState {
  /** XFRM_FAMILY. */
  readonly family: number;
  /** 4 or 16 bytes. */
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  /** XFRM_PROTO. */
  readonly proto: number;
  /** Host order. */
  readonly spi: number;
  /** XFRM_MODE. */
  readonly mode: number;
  readonly reqid: number;
  /** XFRM_STATE. */
  readonly flags: number;
  /** XFRM_SA_XFLAG. */
  readonly extraFlags: number;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly ifId: number;
  readonly auth?: XfrmAlgorithm & { readonly truncBits: number };
  readonly crypt?: XfrmAlgorithm;
  readonly aead?: XfrmAlgorithm & { readonly icvBits: number };
  /** The type is of XFRM_ENCAP. */
  readonly encap?: { readonly type: number; readonly srcPort: number; readonly dstPort: number };
  /** The last sequence number that was sent; 64 bits of it with the flag ESN, exact up to 2^53. */
  readonly oseq: number;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Reads an attribute that has at least the size of its struct. */
function read<T>(bytes: Uint8Array | undefined, size: number, as: (view: DataView) => T): T | undefined {
  return bytes && bytes.length >= size ? as(viewOf(bytes)) : undefined;
}

/** The name and key at the start and end of each struct of an algorithm. */
function parseAlgorithm(
  view: DataView,
  { name, keyLen, key }: typeof xfrmAlgo | typeof xfrmAlgoAuth | typeof xfrmAlgoAead,
): XfrmAlgorithm {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const text = Buffer.from(bytes.subarray(name, keyLen)).toString('latin1').replace(/\0.*$/s, '');
  const length = Math.ceil(view.getUint32(keyLen, true) / 8);
  return { name: text, key: bytes.slice(key, key + length) };
}

/** Without XFRMA_ALG_AUTH_TRUNC, which kernels since 2.6.33 send besides, nobody says how much of the code is sent. */
function parseAuth(attributes: ReadonlyMap<number, Uint8Array>): XfrmState['auth'] {
  return read(attributes.get(XFRMA.ALG_AUTH_TRUNC), xfrmAlgoAuth.size, (view) => ({
    ...parseAlgorithm(view, xfrmAlgoAuth),
    truncBits: view.getUint32(xfrmAlgoAuth.truncLen, true),
  }));
}

function parseOseq(attributes: ReadonlyMap<number, Uint8Array>): number {
  const wide = read(
    attributes.get(XFRMA.REPLAY_ESN_VAL),
    xfrmReplayStateEsn.size,
    (view) => view.getUint32(xfrmReplayStateEsn.oseqHi, true) * 2 ** 32 + view.getUint32(xfrmReplayStateEsn.oseq, true),
  );
  const narrow = read(attributes.get(XFRMA.REPLAY_VAL), xfrmReplayState.size, (view) =>
    view.getUint32(xfrmReplayState.oseq, true),
  );
  return wide ?? narrow ?? 0;
}

/** Reads XFRM_MSG_NEWSA; undefined for another message, or one that is cut. */
export function parseState({ type, body }: NetlinkMessage): XfrmState | undefined {
  if (type !== XFRM_MSG.NEWSA || body.length < xfrmUsersaInfo.size) return undefined;
  const view = viewOf(body);
  const family = view.getUint16(xfrmUsersaInfo.family, true);
  const addressLen = family === XFRM_FAMILY.INET ? 4 : 16;
  const address = (at: number): Uint8Array => body.slice(at, at + addressLen);
  const attributes = parseAttributes(body, xfrmUsersaInfo.size);
  const u32 = (attribute: number): number =>
    read(attributes.get(attribute), 4, (value) => value.getUint32(0, true)) ?? 0;
  const auth = parseAuth(attributes);
  const crypt = read(attributes.get(XFRMA.ALG_CRYPT), xfrmAlgo.size, (value) => parseAlgorithm(value, xfrmAlgo));
  const aead = read(attributes.get(XFRMA.ALG_AEAD), xfrmAlgoAead.size, (value) => ({
    ...parseAlgorithm(value, xfrmAlgoAead),
    icvBits: value.getUint32(xfrmAlgoAead.icvLen, true),
  }));
  const encap = read(attributes.get(XFRMA.ENCAP), xfrmEncapTmpl.size, (value) => ({
    type: value.getUint16(xfrmEncapTmpl.type, true),
    srcPort: value.getUint16(xfrmEncapTmpl.sport),
    dstPort: value.getUint16(xfrmEncapTmpl.dport),
  }));
  const mark = read(attributes.get(XFRMA.MARK), xfrmMark.size, (value) => ({
    value: value.getUint32(xfrmMark.value, true),
    mask: value.getUint32(xfrmMark.mask, true),
  }));
  return {
    family,
    src: address(xfrmUsersaInfo.saddr),
    dst: address(xfrmUsersaInfo.id + xfrmId.daddr),
    proto: view.getUint8(xfrmUsersaInfo.id + xfrmId.proto),
    spi: view.getUint32(xfrmUsersaInfo.id + xfrmId.spi),
    mode: view.getUint8(xfrmUsersaInfo.mode),
    reqid: view.getUint32(xfrmUsersaInfo.reqid, true),
    flags: view.getUint8(xfrmUsersaInfo.flags),
    extraFlags: u32(XFRMA.SA_EXTRA_FLAGS),
    ...(mark && { mark }),
    ifId: u32(XFRMA.IF_ID),
    ...(auth && { auth }),
    ...(crypt && { crypt }),
    ...(aead && { aead }),
    ...(encap && { encap }),
    oseq: parseOseq(attributes),
  };
}

/** The IPsec states of the network namespace in which it was opened (NETLINK_XFRM); needs CAP_NET_ADMIN there. */
export class XfrmSocket implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_XFRM);

  /** All states, in the kernel's order: the newest first, as `ip xfrm state` lists them. */
  states(): XfrmState[] {
    const answers = this.#socket.request(XFRM_MSG.GETSA, NLM_F.DUMP, new Uint8Array(0), 'XFRM_MSG_GETSA');
    return answers.flatMap((answer) => parseState(answer) ?? []);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
