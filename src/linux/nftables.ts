import { attribute, concat, NetlinkSocket, NLM_F, nested, textAttribute } from './netlink.ts';

const NETLINK_NETFILTER = 12;
/** Subsystem and messages of linux/netfilter/nfnetlink.h and nf_tables.h. */
const SUBSYS_NFTABLES = 10;
const BATCH = { BEGIN: 0x10, END: 0x11 } as const;
const NFT_MSG = { NEWTABLE: 0, NEWCHAIN: 3, NEWRULE: 6 } as const;
const NFPROTO_NETDEV = 5;
/** The table goes when the socket that made it is closed (Linux 5.12). */
const NFT_TABLE_F_OWNER = 2;
const NFTA_TABLE = { NAME: 1, FLAGS: 2 } as const;
const NFTA_CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7 } as const;
const NFTA_HOOK = { NUM: 1, PRIORITY: 2, DEV: 3 } as const;
const NFTA_RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR = { NAME: 1, DATA: 2 } as const;
const NF_NETDEV_INGRESS = 0;
const [NF_DROP, NF_ACCEPT] = [0, 1];
const [NFT_REG_VERDICT, NFT_REG_1] = [0, 1];
const NFT_META_L4PROTO = 16;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
const NFT_CMP_EQ = 0;
const NFTA_DATA = { VALUE: 1, VERDICT: 2 } as const;
const NFTA_VERDICT_CODE = 1;

/** Numbers of nf_tables are in network order. */
function be32(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return attribute(type, bytes);
}

/** struct nfgenmsg of linux/netfilter/nfnetlink.h, and attributes behind it. */
function body(family: number, resource: number, ...attributes: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(4);
  header[0] = family;
  new DataView(header.buffer).setUint16(2, resource);
  return concat([header, ...attributes]);
}

const expression = (name: string, ...data: readonly Uint8Array[]): Uint8Array =>
  nested(NFTA_LIST_ELEM, textAttribute(NFTA_EXPR.NAME, name), nested(NFTA_EXPR.DATA, ...data));
/** Goes on when the register holds these bytes. */
const isEqual = (bytes: Uint8Array): Uint8Array =>
  expression('cmp', be32(1, NFT_REG_1), be32(2, NFT_CMP_EQ), nested(3, attribute(NFTA_DATA.VALUE, bytes)));

/** What packets are to be thrown away: those of a transport protocol that have these bytes there. */
export interface DropRule {
  readonly protocol: number;
  /** From the start of the transport header. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Throws away packets that a link receives, after packet sockets have seen them and before the stack does (nftables, family
 * netdev, hook ingress): like `nft add rule … meta l4proto udp @th,64,32 0xbe9be955 drop`. Ends when it is disposed of, and
 * with the process however that ends. Wants CAP_NET_ADMIN and Linux 5.12; throws SyscallError.
 */
export class IngressDrop implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** `table`: a name that nobody else has in this network namespace. */
  constructor(link: string, { protocol, offset, bytes }: DropRule, table: string) {
    const [chain, type] = ['ingress', (message: number) => (SUBSYS_NFTABLES << 8) | message];
    const hook = nested(
      NFTA_CHAIN.HOOK,
      ...[be32(NFTA_HOOK.NUM, NF_NETDEV_INGRESS), be32(NFTA_HOOK.PRIORITY, 0), textAttribute(NFTA_HOOK.DEV, link)],
    );
    const verdict = nested(NFTA_DATA.VERDICT, be32(NFTA_VERDICT_CODE, NF_DROP));
    const rule = nested(
      NFTA_RULE.EXPRESSIONS,
      expression('meta', be32(1, NFT_REG_1), be32(2, NFT_META_L4PROTO)),
      isEqual(Uint8Array.of(protocol)),
      expression(
        'payload',
        ...[be32(1, NFT_REG_1), be32(2, NFT_PAYLOAD_TRANSPORT_HEADER), be32(3, offset), be32(4, bytes.length)],
      ),
      isEqual(bytes),
      expression('immediate', be32(1, NFT_REG_VERDICT), nested(2, verdict)),
    );
    const make = (message: number, ...attributes: readonly Uint8Array[]) => ({
      ...{ type: type(message), flags: NLM_F.CREATE | NLM_F.ACK },
      body: body(NFPROTO_NETDEV, 0, ...attributes),
    });
    const batch = (mark: number) => ({ type: mark, flags: 0, body: body(0, SUBSYS_NFTABLES) });
    try {
      this.#socket.batch(
        [
          batch(BATCH.BEGIN),
          make(NFT_MSG.NEWTABLE, textAttribute(NFTA_TABLE.NAME, table), be32(NFTA_TABLE.FLAGS, NFT_TABLE_F_OWNER)),
          make(
            NFT_MSG.NEWCHAIN,
            ...[textAttribute(NFTA_CHAIN.TABLE, table), textAttribute(NFTA_CHAIN.NAME, chain), hook],
            ...[be32(NFTA_CHAIN.POLICY, NF_ACCEPT), textAttribute(NFTA_CHAIN.TYPE, 'filter')],
          ),
          make(NFT_MSG.NEWRULE, textAttribute(NFTA_RULE.TABLE, table), textAttribute(NFTA_RULE.CHAIN, chain), rule),
          batch(BATCH.END),
        ],
        `nftables ingress ${link}`,
      );
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
