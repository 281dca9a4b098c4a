/** The magic number of struct pktgen_hdr. */
export const PKTGEN_MAGIC = 0xbe9be955;
