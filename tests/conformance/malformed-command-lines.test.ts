import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../../src/cli/program.ts';
import { projectRoot } from '../support/project.ts';

/** A command line that makes no sense, and what its message says. All end with status 2. */
type Row = readonly [argv: readonly string[], message: RegExp];

const preview = (option: string, value: string, message: RegExp): Row => [['preview', option, value], message];

const rows: readonly Row[] = [
  [[], /Usage: pktgen/],
  [['bogus'], /unknown command 'bogus'/],
  [['rum'], /unknown command 'rum'.*Did you mean run/s],
  [['--bogus'], /unknown option '--bogus'/],
  [['-i', 'eth0'], /unknown option '-i'/],
  [['run', '--bogus'], /unknown option '--bogus'/],
  [['run', '-i'], /argument missing/],
  [['run', '--count'], /argument missing/],
  [['run', 'eth0'], /too many arguments/],
  [['run', '--coutn', '5'], /unknown option '--coutn'.*--count/s],
  [['run', '--transmitter', 'fast'], /--transmitter "fast": wants auto, live, xsk, xsk_zc, ring or null/],
  [['run', '-t', '0'], /-t "0": wants a number from 1/],
  [['run', '-t', 'x'], /-t "x": wants a number/],
  [['run', '-t', '100000'], /-t "100000": wants a number from 1 to/],
  [['run', '-f', '-1'], /-f "-1": wants a number from 0/],
  [['run', '-f', '100000'], /-f "100000": wants a number from 0 to/],
  [['run', '-n', 'many'], /-n "many": wants a number/],
  [['run', '-s', '0'], /-s "0": wants a number from 1 to 65535/],
  [['run', '-s', '70000'], /-s "70000": wants a number from 1 to 65535/],
  [['run', '-6'], /-6: wants an IPv6 destination/],
  [['run', '--cpus', 'all'], /--cpus "all": wants CPUs such as 0-3,8/],
  [['serve', '--cpus', '99999'], /--cpus "99999": CPU 99999 is not there/],
  [['run', '--max-loss', 'some'], /--max-loss "some": wants a number of packets, or a share such as 0.1%/],
  [['run', '--max-loss', '101%'], /--max-loss "101%": wants/],
  [['run', '--max-latency', '50'], /--max-latency "50": wants a time with its unit, such as 50us/],
  [['run', '--sink', 'eth1'], /--sink: wants a link to send to, -i DEV/],
  [['run', '-i', 'eth1', '--sink', 'eth2', '--pcap', 'none.pcap'], /--sink: nothing is received: send to a link/],
  [['run', '--no-sink', '--max-loss', '0'], /--max-loss: nothing is received/],
  [['run', '--transmitter', 'null', '--by', 'src'], /--by: nothing is received/],
  [['run', '--by', 'source'], /--by "source": there is no field "source", but mac, vlan/],
  [['run', '--flow-tag', '65536'], /--flow-tag "65536": wants a number from 0 to 65535/],
  [['run', '--timestamp-ns', '2'], /--timestamp-ns "2": wants a number from 0 to 1/],
  [['run', '--receiver', 'ring'], /Allowed choices are auto, xdp, packet/],
  [['sink'], /required option '-i, --interface <DEV>'/],
  [['sink', '-i', 'eth1', '--seconds', '0'], /--seconds "0": wants a number from 1/],
  [['sink', '-i', 'eth1', '--flow-table', '0'], /--flow-table "0": wants a number from 1 to 65536/],
  [['sink', '-i', 'eth1', '--pcap-limit', '1e9'], /--pcap-limit "1e9": wants a number from 1 to/],
  [['sink', '-i', 'eth1', '--json', '--csv'], /'--csv' cannot be used with option '--json'/],
  [['reflect'], /required option '-i, --interface <DEV>'/],
  [['reflect', '-i', 'eth1', '--seconds', 'x'], /--seconds "x": wants a number/],
  [['serve', 'extra'], /too many arguments/],
  [['serve', '--mount'], /argument missing/],
  [['serve', '--pg-count-d', 'x'], /--pg-count-d "x": wants a number/],
  [['serve', '--pg-delay-d', '-1'], /--pg-delay-d "-1": wants a number/],
  [['serve', '--pg-clone-skb-d', '1.5'], /--pg-clone-skb-d "1.5": wants a number/],
  [['exec'], /missing required argument 'SCRIPT'/],
  [['probe', 'extra'], /too many arguments/],
  preview('--packets', '0', /--packets "0": wants a number from 1/),
  preview('--packets', 'all', /--packets "all": wants a number/),
  preview('--packets', '99999999', /--packets "99999999": wants a number from 1 to 1000000/),
  preview('--count', 'abc', /--count "abc": wants a number from 0/),
  preview('--count', '-1', /--count "-1": wants a number/),
  preview('--count', '1e3', /--count "1e3": wants a number/),
  preview('--count', '', /--count "": wants a number/),
  preview('--count', '99999999999', /--count "99999999999": wants a number from 0 to 9999999999/),
  preview('--delay', '1ms', /--delay "1ms": wants a number of nanoseconds/),
  preview('--rate', '0', /--rate "0": wants a number from 1/),
  preview('--ratep', '1M', /--ratep "1M": wants a number from 1/),
  preview('--pkt-size', '0', /--pkt-size "0": wants a number from 1/),
  preview('--min-pkt-size', '65536', /--min-pkt-size "65536": wants a number from 1 to 65535/),
  preview('--imix-weights', '64', /--imix-weights "64": wants up to 20 pairs/),
  preview('--imix-weights', '64,0', /--imix-weights "64,0": wants up to 20 pairs/),
  preview('--imix-weights', Array.from({ length: 21 }, (_, i) => `${64 + i},1`).join(' '), /wants up to 20 pairs/),
  preview('--dst-mac', '02:00:00:00:00', /--dst-mac "02:00:00:00:00": wants a MAC address such as/),
  preview('--src-mac', 'aa-bb-cc-dd-ee-ff', /--src-mac .*: wants a MAC address/),
  preview('--dst', '10.0.0', /--dst "10.0.0": wants an IPv4 address such as/),
  preview('--dst-min', '256.1.1.1', /--dst-min "256.1.1.1": wants an IPv4 address/),
  preview('--dst-max', 'fd00::1', /--dst-max "fd00::1": wants an IPv4 address/),
  preview('--src-min', '1.2.3.4.5', /--src-min "1.2.3.4.5": wants an IPv4 address/),
  preview('--dst6', '10.0.0.1', /--dst6 "10.0.0.1": wants an IPv6 address such as/),
  preview('--dst6', 'fd00:::1', /--dst6 "fd00:::1": wants an IPv6 address/),
  preview('--dst6-min', 'fd00::1::2', /wants an IPv6 address/),
  preview('--src6', 'fd00::g', /wants an IPv6 address/),
  preview('--src6', '1:2:3:4:5:6:7:8:9', /wants an IPv6 address/),
  preview('--udp-src-min', '65536', /--udp-src-min "65536": wants a number from 0 to 65535/),
  preview('--udp-dst-max', 'http', /--udp-dst-max "http": wants a number from 0 to 65535/),
  preview('--flows', '65537', /--flows "65537": wants a number from 0 to 65536/),
  preview('--mpls', '1', /--mpls "1": wants up to 16 label stack entries of eight hex digits/),
  preview('--mpls', '0001000g', /--mpls "0001000g": wants up to 16/),
  preview('--vlan-id', '4096', /--vlan-id "4096": wants a number from 0 to 4095/),
  preview('--vlan-p', '8', /--vlan-p "8": wants a number from 0 to 7/),
  preview('--vlan-cfi', '2', /--vlan-cfi "2": wants a number from 0 to 1/),
  preview('--svlan-id', '-1', /--svlan-id "-1": wants a number from 0 to 4095/),
  preview('--vlan-p', '3', /vlan_p 3: ERROR: vlan_p must be 0-7/),
  preview('--tos', '0x10', /--tos "0x10": wants two hex digits/),
  preview('--traffic-class', '1', /--traffic-class "1": wants two hex digits/),
  preview('--xmit-mode', 'fast', /--xmit-mode "fast": wants start_xmit, netif_receive or queue_xmit/),
  preview('--flag', 'IPV6', /--flag "IPV6": wants one of IPSRC_RND/),
  preview('--flag', 'ipsrc_rnd', /--flag "ipsrc_rnd": wants one of IPSRC_RND/),
  preview('--node', '7', /node 7: ERROR: node not possible/),
  preview('-p', '5-4', /the last port is below the first/),
  preview('-d', '198.18.0.0/40', /prefix length "40": wants a number from 0 to 32/),
];

/** Runs a command line in this process and gives what it wrote to stderr. */
async function stderrOf(argv: readonly string[]): Promise<{ status: number; text: string }> {
  const write = process.stderr.write;
  let text = '';
  process.stderr.write = ((chunk: string | Uint8Array) => {
    text += chunk.toString();
    return true;
  }) as typeof process.stderr.write;
  try {
    return { status: await runProgram(argv), text };
  } finally {
    process.stderr.write = write;
  }
}

test(`malformed command lines (${rows.length} rows): status 2 and a message that helps`, async () => {
  assert.ok(rows.length >= 60, `only ${rows.length} rows`);
  for (const [argv, message] of rows) {
    const { status, text } = await stderrOf(argv);
    assert.match(text, message, argv.join(' '));
    assert.equal(status, 2, argv.join(' '));
  }
});

test('the program that a person runs gives the same status', () => {
  const program = join(projectRoot, 'bin/pktgen.js');
  const run = spawnSync(process.execPath, [program, 'preview', '--count', 'abc'], { encoding: 'utf8' });
  assert.equal(run.status, 2, run.stderr);
  assert.match(run.stderr, /--count "abc": wants a number/);
  assert.equal(run.stdout, '');
});
