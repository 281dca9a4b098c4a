/** Bytes of the header of a capture file (struct pcap_file_header of libpcap). */
export const PCAP_FILE_HEADER_LEN = 24;
/** Bytes of the header before each packet (struct pcap_sf_pkthdr). */
export const PCAP_RECORD_HEADER_LEN = 16;
/** The first word of a file whose times are in nanoseconds. */
export const PCAP_NSEC_MAGIC = 0xa1b23c4d;
/** The first word of a file whose times are in microseconds. */
export const PCAP_USEC_MAGIC = 0xa1b2c3d4;
/** LINKTYPE_ETHERNET of the registry of link types. */
export const LINKTYPE_ETHERNET = 1;

const PCAPNG_MAGIC = 0x0a0d0d0a;
/** The longest record that libpcap writes or reads (MAXIMUM_SNAPLEN). */
const MAX_SNAP_LEN = 262_144;
const fileField = { magic: 0, major: 4, minor: 6, zone: 8, sigFigs: 12, snapLen: 16, linkType: 20 } as const;
const recordField = { sec: 0, fraction: 4, capturedLen: 8, originalLen: 12 } as const;

/** A captured packet. */
export interface PcapRecord {
  /** Time since 1970. */
  readonly sec: number;
  readonly nsec: number;
  /** Bytes the packet had; `bytes` may hold fewer. */
  readonly originalLen: number;
  /** A view into the file that was read, not a copy. */
  readonly bytes: Uint8Array;
}

/** A capture file. */
export interface PcapFile {
  readonly linkType: number;
  readonly records: readonly PcapRecord[];
  /** The file ends inside a record, which is left out. */
  readonly truncated: boolean;
}

/** The header of a file with times in nanoseconds and Ethernet frames, little-endian. */
export function pcapFileHeader(snapLen = MAX_SNAP_LEN): Uint8Array {
  const header = new DataView(new ArrayBuffer(PCAP_FILE_HEADER_LEN));
  header.setUint32(fileField.magic, PCAP_NSEC_MAGIC, true);
  header.setUint16(fileField.major, 2, true);
  header.setUint16(fileField.minor, 4, true);
  header.setUint32(fileField.snapLen, snapLen, true);
  header.setUint32(fileField.linkType, LINKTYPE_ETHERNET, true);
  return new Uint8Array(header.buffer);
}

/** Writes the header of a record, which its `capturedLen` bytes follow. Checks nothing: it runs for every packet. */
export function pcapRecordHeader(
  target: DataView,
  at: number,
  sec: number,
  nsec: number,
  capturedLen: number,
  originalLen: number,
): void {
  target.setUint32(at + recordField.sec, sec, true);
  target.setUint32(at + recordField.fraction, nsec, true);
  target.setUint32(at + recordField.capturedLen, capturedLen, true);
  target.setUint32(at + recordField.originalLen, originalLen, true);
}

/** Reads a capture file of either byte order, with micro- or nanoseconds. RangeError for what is none. */
export function readPcap(file: Uint8Array): PcapFile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const { little, nsecPerUnit } = formatOf(view);
  const records: PcapRecord[] = [];
  let at = PCAP_FILE_HEADER_LEN;
  while (at + PCAP_RECORD_HEADER_LEN <= file.length) {
    const capturedLen = view.getUint32(at + recordField.capturedLen, little);
    if (capturedLen > MAX_SNAP_LEN) {
      const limit = `records have at most ${MAX_SNAP_LEN}`;
      throw new RangeError(
        `pcap record ${records.length + 1} claims ${capturedLen} bytes, ${limit}: the file is damaged`,
      );
    }
    const from = at + PCAP_RECORD_HEADER_LEN;
    if (from + capturedLen > file.length) break;
    records.push({
      sec: view.getUint32(at + recordField.sec, little),
      nsec: view.getUint32(at + recordField.fraction, little) * nsecPerUnit,
      originalLen: view.getUint32(at + recordField.originalLen, little),
      bytes: file.subarray(from, from + capturedLen),
    });
    at = from + capturedLen;
  }
  // The upper bits of the field may say how long the FCS is.
  const linkType = view.getUint32(fileField.linkType, little) & 0xffff;
  return { linkType, records, truncated: at < file.length };
}

/** Byte order and time unit, from the magic. */
function formatOf(view: DataView): { little: boolean; nsecPerUnit: number } {
  if (view.byteLength < PCAP_FILE_HEADER_LEN) {
    throw new RangeError(`not a pcap file: ${view.byteLength} bytes, its header alone has ${PCAP_FILE_HEADER_LEN}`);
  }
  for (const little of [true, false]) {
    const magic = view.getUint32(fileField.magic, little);
    if (magic === PCAP_NSEC_MAGIC) return { little, nsecPerUnit: 1 };
    if (magic === PCAP_USEC_MAGIC) return { little, nsecPerUnit: 1000 };
  }
  const magic = view.getUint32(fileField.magic);
  if (magic === PCAPNG_MAGIC) {
    throw new RangeError('a pcapng file, not pcap: convert it with "editcap -F nsecpcap IN OUT" and read that');
  }
  const shown = `0x${magic.toString(16).padStart(8, '0')}`;
  throw new RangeError(`not a pcap file: it begins with ${shown}, not with a1b23c4d or a1b2c3d4 in either byte order`);
}
