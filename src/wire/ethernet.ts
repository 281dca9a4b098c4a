/** EtherTypes (linux/if_ether.h). */
export const ETHERTYPE = { IPV4: 0x0800, VLAN: 0x8100, IPV6: 0x86dd, MPLS: 0x8847, SVLAN: 0x88a8 } as const;
