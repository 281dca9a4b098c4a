import { TRANSMITTER_CHOICES } from '../pktgen/engine.ts';
import { FLAG_NAMES } from '../pktgen/flags.ts';
import { parseImix } from '../pktgen/imix.ts';
import type { ParamName } from '../pktgen/params.ts';
import { DEVICE_PARAMS } from '../pktgen/params.ts';
import { UsageError } from './usage-error.ts';

/** What a well-formed value looks like, and how that is said. */
interface Form {
  readonly allowed: string;
  fits(value: string): boolean;
}

const number = (least: number, most: number): Form => ({
  allowed: `a number from ${least} to ${most}`,
  fits: (value) => /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most,
});
const like = (allowed: string, pattern: RegExp): Form => ({ allowed, fits: (value) => pattern.test(value) });

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4Form = like('an IPv4 address such as 198.18.0.1', new RegExp(`^${OCTET}(\\.${OCTET}){3}$`));
const ipv6Form: Form = { allowed: 'an IPv6 address such as fd00::1', fits: isIpv6 };
const portForm = number(0, 65535);
const sizeForm = number(1, 65535);
const hexByteForm = like('two hex digits, 00 to ff', /^[0-9a-fA-F]{2}$/);
const macForm = like('a MAC address such as 02:00:00:00:00:01', /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/);

/** Groups of hex digits, one `::` at the most, an IPv4 address at the end if need be. */
function isIpv6(value: string): boolean {
  const dotted = /^(.*:)([\d.]+)$/.exec(value);
  if (dotted?.[2]?.includes('.')) return ipv4Form.fits(dotted[2]) && isIpv6(`${dotted[1]}0:0`);
  const halves = value.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  return (
    groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) &&
    (halves.length === 2 ? groups.length < 8 : groups.length === 8)
  );
}

/**
 * What the command line takes for a parameter. The control files keep the kernel's leniency, where `count abc` is 0; a
 * person at a terminal is told.
 */
const FORMS: { readonly [N in ParamName]?: Form } = {
  transmitter: like(
    TRANSMITTER_CHOICES.join(', ').replace(/, (\w+)$/, ' or $1'),
    new RegExp(`^(${TRANSMITTER_CHOICES.join('|')})$`),
  ),
  delay: like('a number of nanoseconds', /^\d{1,10}$/),
  min_pkt_size: sizeForm,
  max_pkt_size: sizeForm,
  imix_weights: {
    allowed: 'up to 20 pairs SIZE,WEIGHT with blanks between, such as "64,7 570,4 1518,1"',
    fits: (value) => /^\d+,\d+( \d+,\d+)*$/.test(value) && parseImix(value, 0).errno === undefined,
  },
  dst_mac: macForm,
  src_mac: macForm,
  dst_min: ipv4Form,
  dst_max: ipv4Form,
  src_min: ipv4Form,
  src_max: ipv4Form,
  dst6: ipv6Form,
  dst6_min: ipv6Form,
  dst6_max: ipv6Form,
  src6: ipv6Form,
  udp_src_min: portForm,
  udp_src_max: portForm,
  udp_dst_min: portForm,
  udp_dst_max: portForm,
  flows: number(0, 65536),
  flow_tag: number(0, 65535),
  ipsec_seq: number(0, 1),
  timestamp_ns: number(0, 1),
  mpls: like(
    'up to 16 label stack entries of eight hex digits with commas between, such as 0001000a,0002000a',
    /^[0-9a-fA-F]{8}(,[0-9a-fA-F]{8}){0,15}$/,
  ),
  vlan_id: number(0, 4095),
  svlan_id: number(0, 4095),
  vlan_p: number(0, 7),
  svlan_p: number(0, 7),
  vlan_cfi: number(0, 1),
  svlan_cfi: number(0, 1),
  tos: hexByteForm,
  traffic_class: hexByteForm,
  queue_map_min: number(0, 65535),
  queue_map_max: number(0, 65535),
  skb_priority: number(0, 999_999_999),
  xmit_mode: like('start_xmit, netif_receive or queue_xmit', /^(start_xmit|netif_receive|queue_xmit)$/),
  flag: {
    allowed: `one of ${FLAG_NAMES.filter((name) => name !== 'IPV6').join(' ')} FLOW_RND, with ! before it to clear it`,
    fits: (value) => {
      const name = value.replace(/^!/, '');
      return name === 'FLOW_RND' || (name !== 'IPV6' && FLAG_NAMES.some((flag) => flag === name));
    },
  },
};

const wholeNumber = number(0, 9_999_999_999);

/** Throws a UsageError unless `value` is well formed for this parameter or shortcut; `option` is how it was written. */
export function checkValue(option: string, name: string, value: string): void {
  const aliases: Record<string, ParamName> = { dst: 'dst_min', pkt_size: 'min_pkt_size' };
  const param = Object.hasOwn(DEVICE_PARAMS, name) ? (name as ParamName) : aliases[name];
  const positive = name === 'rate' || name === 'ratep';
  const form = (param && FORMS[param]) ?? (positive ? number(1, 9_999_999_999) : wholeNumber);
  if (!form.fits(value)) throw new UsageError(`${option} ${JSON.stringify(value)}: wants ${form.allowed}`);
}
