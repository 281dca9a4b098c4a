import type { Command } from 'commander';

/** The letters of the kernel's sample scripts that describe packets and how many of them (parameters.sh). */
export function addSampleOptions(command: Command): void {
  command
    .optionsGroup("Letters of the kernel's sample scripts:")
    .option('-s, --size <N>', 'frame size without FCS [bytes], as pkt_size')
    .option('-d, --dest <ADDRESS>', 'destination address, or a block of them: 198.18.0.0/15')
    .option('-m, --mac <MAC>', 'destination MAC address, as dst_mac')
    .option('-p, --port <PORT>', 'destination port, or a range of them: 433-444')
    .option('-n, --number <N>', 'packets of each thread, 0: until stopped; as count')
    .option('-c, --clone <N>', 'times a packet is sent, as clone_skb')
    .option('-b, --bursts <N>', 'times a packet is handed over at once, as burst')
    .option('-w, --wait <N>', 'time from packet to packet [ns], as delay')
    .option('-k, --checksum', 'UDP checksums, as flag UDPCSUM')
    .option('-6, --ipv6', 'the destination is an IPv6 address');
}
