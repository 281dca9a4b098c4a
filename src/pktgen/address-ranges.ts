import { inAton } from '../wire/ipv4-address.ts';
import type { DeviceConfig } from './params.ts';

/** The IPv4 ranges that packets are made from, host order (saddr_min … daddr_max). */
export interface AddressRanges {
  readonly srcMin: number;
  readonly srcMax: number;
  readonly dstMin: number;
  readonly dstMax: number;
}

export const NO_ADDRESSES: AddressRanges = { srcMin: 0, srcMax: 0, dstMin: 0, dstMax: 0 };

/** The ranges after a command: an address counts at once when its text has changed. */
export function changedRanges(ranges: AddressRanges, before: DeviceConfig, after: DeviceConfig): AddressRanges {
  const value = (name: 'src_min' | 'src_max' | 'dst_min' | 'dst_max', current: number): number =>
    before[name] === after[name] ? current : inAton(after[name]);
  return {
    srcMin: value('src_min', ranges.srcMin),
    srcMax: value('src_max', ranges.srcMax),
    dstMin: value('dst_min', ranges.dstMin),
    dstMax: value('dst_max', ranges.dstMax),
  };
}

/** The ranges at the start of a run: without src_min the link's own address, however src_max is set. */
export function startRanges(config: DeviceConfig, linkAddress: number): AddressRanges {
  const [dstMin, dstMax] = [inAton(config.dst_min), inAton(config.dst_max)];
  return config.src_min === ''
    ? { srcMin: linkAddress, srcMax: linkAddress, dstMin, dstMax }
    : { srcMin: inAton(config.src_min), srcMax: inAton(config.src_max), dstMin, dstMax };
}
