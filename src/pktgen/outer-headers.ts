import { STATE } from '../template/device-state.ts';
import type { FieldModifier } from '../template/field-modifier.ts';
import type { Placement } from '../template/packet-template.ts';
import { ETHERNET_HEADER_LEN, ETHERTYPE, ethernetField } from '../wire/ethernet.ts';
import { MPLS_BOTTOM, MPLS_LABEL_LEN } from '../wire/mpls.ts';
import { tci, VLAN_TAG_LEN } from '../wire/vlan.ts';
import { FLAG } from './flags.ts';
import { type DeviceConfig, NO_VLAN } from './params.ts';

/** What stands between the MAC addresses and the IP header. */
export interface OuterHeaders {
  /** Offset of the IP header. */
  readonly length: number;
  /** EtherTypes by offset. */
  readonly types: readonly (readonly [offset: number, type: number])[];
  readonly placements: readonly Placement[];
  readonly modifiers: readonly FieldModifier[];
}

/** EtherType, VLAN tags or MPLS labels of a device; there are never both. `inner` is the EtherType of the IP header. */
export const outerHeaders = (config: DeviceConfig, inner: number): OuterHeaders =>
  config.mpls.length > 0 ? labelStack(config) : config.vlan_id === NO_VLAN ? untagged(inner) : tags(config, inner);

const untagged = (inner: number): OuterHeaders => ({
  length: ETHERNET_HEADER_LEN,
  types: [[ethernetField.type, inner]],
  placements: [],
  modifiers: [],
});

/** Labels as configured or drawn; the last one is the bottom of the stack, whatever was written (mpls_push). */
function labelStack({ mpls, flag }: DeviceConfig): OuterHeaders {
  const placements = mpls.map((_, i) => ({
    state: STATE.labels + i,
    field: { offset: ETHERNET_HEADER_LEN + MPLS_LABEL_LEN * i, width: 4 } as const,
    clear: MPLS_BOTTOM,
    add: i === mpls.length - 1 ? MPLS_BOTTOM : 0,
  }));
  const drawn = placements.filter((_, i) => flag & FLAG.MPLS_RND && (mpls[i] ?? 0) & MPLS_BOTTOM);
  return {
    length: ETHERNET_HEADER_LEN + MPLS_LABEL_LEN * mpls.length,
    types: [[ethernetField.type, ETHERTYPE.MPLS]],
    placements,
    modifiers: drawn.map((place) => ({ kind: 'random-bits', ...place, set: 0, keep: 0xfffff, mark: MPLS_BOTTOM })),
  };
}

/** One tag or two, outer one first; both have the type 0x8100. */
function tags(config: DeviceConfig, inner: number): OuterHeaders {
  const rows = [
    { state: STATE.vlanId, bits: tci(0, config.vlan_p, config.vlan_cfi === 1), random: FLAG.VID_RND },
    { state: STATE.svlanId, bits: tci(0, config.svlan_p, config.svlan_cfi === 1), random: FLAG.SVID_RND },
  ].slice(0, config.svlan_id === NO_VLAN ? 1 : 2);
  const length = ETHERNET_HEADER_LEN + VLAN_TAG_LEN * rows.length;
  // The inner tag is the last before the IP header, and its id is drawn first.
  const placed = rows.map(({ state, bits, random }, i) => {
    const offset = length - VLAN_TAG_LEN * (i + 1);
    return { random, place: { state, field: { offset, width: 2 } as const, clear: 0, add: bits } };
  });
  const drawn = placed.filter(({ random }) => config.flag & random);
  return {
    length,
    types: [
      ...placed.map(({ place }) => [place.field.offset - 2, ETHERTYPE.VLAN] as const),
      [length - 2, inner] as const,
    ],
    placements: placed.map(({ place }) => place),
    modifiers: drawn.map(({ place }) => ({ kind: 'random-bits', ...place, set: 0, keep: 0xfff, mark: 0 })),
  };
}
