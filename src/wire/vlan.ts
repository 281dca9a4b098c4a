/** Tag control information of IEEE 802.1Q: priority 0 to 7, drop eligible (CFI), id 0 to 4095. */
export const tci = (id: number, priority: number, dei: boolean): number => (priority << 13) | (dei ? 0x1000 : 0) | id;
