import { readFileSync } from 'node:fs';
import { NotSupported } from './errno.ts';

/**
 * A reader of BTF, the kernel's description of its own types (Documentation/bpf/btf.rst), as far as struct layouts
 * need it.
 */
const MAGIC = 0xeb9f;
const KIND = { STRUCT: 4, UNION: 5, MODIFIERS: [8, 9, 10, 11, 18] } as const;
/** Bytes behind struct btf_type, by kind: fixed, and for each of vlen. */
const EXTRA: Readonly<Record<number, readonly [fixed: number, each: number]>> = {
  1: [4, 0], // INT
  3: [12, 0], // ARRAY
  4: [0, 12], // STRUCT
  5: [0, 12], // UNION
  6: [0, 8], // ENUM
  13: [0, 8], // FUNC_PROTO
  14: [4, 0], // VAR
  15: [0, 12], // DATASEC
  17: [4, 0], // DECL_TAG
  19: [0, 12], // ENUM64
};

interface BtfType {
  readonly kind: number;
  readonly vlen: number;
  readonly bitfields: boolean;
  /** Bytes, or the type that a modifier stands for. */
  readonly sizeOrType: number;
  /** Where its members begin. */
  readonly at: number;
}

/** A struct: its size and where its members lie, bytes. Those of unnamed members count as its own. */
export interface StructLayout {
  readonly size: number;
  readonly members: ReadonlyMap<string, number>;
}

/** The types of a kernel, from /sys/kernel/btf/vmlinux. */
export class Btf {
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  readonly #types: BtfType[] = [];
  /** Structs and unions by name. */
  readonly #named = new Map<string, number>();

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint16(0, true) !== MAGIC) throw new RangeError('this is no BTF');
    const headerLen = view.getUint32(4, true);
    const types = headerLen + view.getUint32(8, true);
    const typesEnd = types + view.getUint32(12, true);
    const strings = headerLen + view.getUint32(16, true);
    this.#view = view;
    this.#strings = bytes.subarray(strings, strings + view.getUint32(20, true));
    // Type 0 is void.
    this.#types.push({ kind: 0, vlen: 0, bitfields: false, sizeOrType: 0, at: 0 });
    for (let at = types; at < typesEnd; ) at = this.#readType(at);
  }

  #readType(at: number): number {
    const info = this.#view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const vlen = info & 0xffff;
    const name = this.#view.getUint32(at, true);
    if ((kind === KIND.STRUCT || kind === KIND.UNION) && name !== 0) {
      const text = this.#text(name);
      if (!this.#named.has(text)) this.#named.set(text, this.#types.length);
    }
    const sizeOrType = this.#view.getUint32(at + 8, true);
    this.#types.push({ kind, vlen, bitfields: info >>> 31 === 1, sizeOrType, at: at + 12 });
    const [fixed, each] = EXTRA[kind] ?? [0, 0];
    return at + 12 + fixed + each * vlen;
  }

  #text(offset: number): string {
    const end = this.#strings.indexOf(0, offset);
    return Buffer.from(this.#strings.subarray(offset, end)).toString('latin1');
  }

  /** The layout of a struct or union; undefined when the kernel has none of that name. */
  struct(name: string): StructLayout | undefined {
    const id = this.#named.get(name);
    const type = id === undefined ? undefined : this.#types[id];
    if (!type) return undefined;
    const members = new Map<string, number>();
    this.#addMembers(type, 0, members);
    return { size: type.sizeOrType, members };
  }

  #addMembers({ at, vlen, bitfields }: BtfType, base: number, members: Map<string, number>): void {
    for (let n = 0; n < vlen; n++) {
      const name = this.#view.getUint32(at + n * 12, true);
      const bits = this.#view.getUint32(at + n * 12 + 8, true);
      const offset = base + ((bitfields ? bits & 0xffffff : bits) >> 3);
      if (name !== 0) members.set(this.#text(name), offset);
      else {
        const inner = this.#resolve(this.#view.getUint32(at + n * 12 + 4, true));
        if (inner) this.#addMembers(inner, offset, members);
      }
    }
  }

  /** What const, volatile, typedef … stand for. */
  #resolve(id: number): BtfType | undefined {
    let type = this.#types[id];
    while (type && (KIND.MODIFIERS as readonly number[]).includes(type.kind)) type = this.#types[type.sizeOrType];
    return type;
  }
}

const VMLINUX = '/sys/kernel/btf/vmlinux';
/** Offsets that were looked up, as the types are not kept: they take some 20 MB. */
const offsets = new Map<string, number>();

/** Where a struct of the running kernel has a member. Reading its types takes some 50 ms. Throws NotSupported. */
export function memberOffset(struct: string, member: string): number {
  const name = `${struct}.${member}`;
  const known = offsets.get(name);
  if (known !== undefined) return known;
  const offset = types()?.struct(struct)?.members.get(member);
  if (offset === undefined) throw new NotSupported(`BTF of ${name}`, '5.2');
  offsets.set(name, offset);
  return offset;
}

function types(): Btf | undefined {
  try {
    return new Btf(readFileSync(VMLINUX));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
