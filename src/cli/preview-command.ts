import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { readAssociations, SA_OPTION } from './association-file.ts';
import { addParamOptions, type ParamLine } from './param-options.ts';
import { EXAMPLE_LINK, previewPackets, previewPcap, previewText } from './preview.ts';
import { type SampleOptions, sampleLines, wholeNumber } from './run-plan.ts';
import { addSampleOptions } from './sample-options.ts';

/** The most packets that a preview makes. */
const MOST = 1_000_000;

/** `pktgen preview`: the first packets of a configuration. Touches no link and needs no privileges. */
export function addPreviewCommand(program: Command): void {
  const params: ParamLine[] = [];
  const command = program
    .command('preview')
    .description('show the first packets of a configuration, dissected and in hex; needs no privileges')
    .option('--packets <N>', 'packets to show', '3')
    .option('--pcap <FILE>', 'write them to a pcap file instead')
    .option(...SA_OPTION)
    .addHelpText('after', '\nExample:\n  pktgen preview --packets 5 --udp-dst-min 1000 --udp-dst-max 2000 --vlan-id 7');
  addSampleOptions(command);
  addParamOptions(command, params);
  command.action((options: SampleOptions & { packets: string; pcap?: string; sa?: string }) => {
    const packets = wholeNumber('--packets', options.packets, 1, MOST);
    const lines = [...sampleLines(options), ...params.map((param) => param.line)];
    const now = Math.floor(Date.now() / 1000);
    const associations = options.sa === undefined ? [] : readAssociations(options.sa);
    const made = previewPackets(lines, packets, EXAMPLE_LINK, now, associations);
    if (options.pcap === undefined) process.stdout.write(`${previewText(made)}\n`);
    else {
      writeFileSync(options.pcap, Buffer.concat(previewPcap(made, now)));
      process.stderr.write(`${made.length} packets written to ${options.pcap}\n`);
    }
  });
}
