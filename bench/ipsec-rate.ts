import { parseAssociations } from '../src/ipsec/association-text.ts';
import { type Figure, median, type Skipped } from './figure.ts';
import { runPktgen } from './run-pktgen.ts';
import { cannotSend, enterVethPair } from './veth-pair.ts';

const PACKETS = 200_000;
const ROUNDS = 3;
const SIZE = 1400;
const FLOW = ['src_min 10.9.0.1', 'src_max 10.9.0.1', 'dst 10.9.0.2', 'dst_mac 02:00:00:00:00:02'];
const LINES = [`count ${PACKETS}`, `pkt_size ${SIZE}`, ...FLOW, 'flows 1', 'flowlen 1000', 'ipsec_seq 1'];

const key = (bytes: number): string => `0x${'5a'.repeat(bytes)}`;
/** Associations, in the words of `ip xfrm state add`. */
const ALGORITHMS = {
  'ESP with NULL and HMAC-SHA1': `enc "ecb(cipher_null)" "" auth "hmac(sha1)" ${key(20)}`,
  'ESP with AES-CBC and HMAC-SHA256': `enc "cbc(aes)" ${key(16)} auth-trunc "hmac(sha256)" ${key(32)} 128`,
  'ESP with AES-GCM': `aead "rfc4106(gcm(aes))" ${key(20)} 128`,
};

/** Packets that are encrypted one by one, against the same packets as they are, both through the ring. */
export async function ipsecRate(): Promise<(Figure | Skipped)[]> {
  const skipped = cannotSend();
  if (skipped) return [{ name: 'IPsec', skipped }];
  using pair = enterVethPair({ sink: true });
  const rates = new Map<string, number[]>();
  const run = async (name: string, lines: readonly string[], algorithms?: string): Promise<void> => {
    const text = `src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x1000 mode transport ${algorithms ?? ''}`;
    const { associations } = parseAssociations(algorithms === undefined ? '' : text);
    const { pps } = await runPktgen(pair.link, [...LINES, ...lines], { associations: () => associations });
    rates.set(name, [...(rates.get(name) ?? []), pps]);
  };
  for (let round = 0; round < ROUNDS; round++) {
    await run('plain', ['transmitter ring']);
    for (const [name, algorithms] of Object.entries(ALGORITHMS)) await run(name, ['flag IPSEC'], algorithms);
  }
  const rate = (name: string): number => median(rates.get(name) ?? []);
  const gbps = (pps: number): string => `${((pps * SIZE * 8) / 1e9).toFixed(2)} Gbit/s`;
  return Object.keys(ALGORITHMS).map((name) => ({
    name: `${name}, packets of ${SIZE} bytes, against the same unencrypted`,
    value: rate(name) / rate('plain'),
    unit: 'ratio',
    note: `${Math.round(rate(name) / 1000)} against ${Math.round(rate('plain') / 1000)} kpps, ${gbps(rate(name))} against ${gbps(rate('plain'))}`,
  }));
}
