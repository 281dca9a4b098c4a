import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { PCAP_RECORD_HEADER_LEN, pcapFileHeader, pcapRecordHeader } from '../wire/pcap.ts';
import type { FrameSink } from './memory-queue.ts';

/**
 * Writes frames to a pcap file with nanosecond times. A disk that is full is an error thrown, with the file cut after
 * the last whole record.
 */
export class PcapSink implements FrameSink {
  readonly #fd: number;
  readonly #realtimeNs: () => number;
  readonly #records: Uint8Array[] = [];
  #length: number;

  constructor(path: string, realtimeNs: () => number) {
    this.#fd = openSync(path, 'w');
    this.#realtimeNs = realtimeNs;
    this.#length = 0;
    this.#append([pcapFileHeader()]);
  }

  take(memory: Uint8Array, at: number, length: number): void {
    const now = this.#realtimeNs();
    const record = new Uint8Array(PCAP_RECORD_HEADER_LEN + length);
    pcapRecordHeader(new DataView(record.buffer), 0, Math.floor(now / 1e9), now % 1e9, length, length);
    record.set(memory.subarray(at, at + length), PCAP_RECORD_HEADER_LEN);
    this.#records.push(record);
  }

  end(): void {
    this.#append(this.#records.splice(0));
  }

  /** Writes the parts whole, or not at all. */
  #append(parts: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(parts);
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(this.#fd, bytes, written);
      this.#length += bytes.length;
    } catch (error) {
      ftruncateSync(this.#fd, this.#length);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
