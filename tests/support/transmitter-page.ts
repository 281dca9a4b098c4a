import type { MeasuredRun } from './measured-link.ts';
import type { TransmitterCase } from './transmitter-cases.ts';

/** The columns of the table. */
export const COLUMNS = ['live', 'xsk', 'ring', 'auto'] as const;
export type Column = (typeof COLUMNS)[number];

/** What became of a configuration by each transmitter. */
export interface MeasuredRow {
  readonly about: TransmitterCase;
  readonly runs: Readonly<Record<Column, MeasuredRun>>;
}

/** What the program says of how it sends besides what it does only nearly. */
const NO_DEVIATION =
  /^(as configured|frames are made and sent in the kernel|only live frames can be received|live frames would be faster)/;

/** What a transmitter that is used does only nearly, in the words of the program; empty: it says of nothing. */
export const deviationOf = ({ why }: MeasuredRun): string =>
  why
    .split('; ')
    .filter((part) => !NO_DEVIATION.test(part))
    .join('; ');

/** Numbers for the notes, in the order in which they are needed. */
class Notes {
  readonly texts: string[] = [];

  of(text: string): number {
    if (!this.texts.includes(text)) this.texts.push(text);
    return this.texts.indexOf(text) + 1;
  }
}

function cell(column: Column, run: MeasuredRun, notes: Notes): string {
  if (run.by === undefined) return `refused (${notes.of(run.why)})`;
  const nearly = run.differences.length > 0 ? `nearly (${notes.of(deviationOf(run))})` : undefined;
  if (column !== 'auto') return nearly ?? 'exact';
  return nearly ? `by ${run.by}, ${nearly}` : `by ${run.by}`;
}

/** Rows with equal cells are one; a row by itself shows the whole configuration. */
function tableLines(rows: readonly MeasuredRow[], notes: Notes): string[] {
  const groups = new Map<string, TransmitterCase[]>();
  for (const { about, runs } of rows) {
    const cells = COLUMNS.map((column) => cell(column, runs[column], notes)).join(' | ');
    groups.set(cells, [...(groups.get(cells) ?? []), about]);
  }
  return [...groups].map(([cells, all]) => {
    const names = all.map(({ name, lines }) => `\`${all.length === 1 ? lines.join(', ') : name}\``);
    return `| ${names.join(', ')} | ${cells} |`;
  });
}

/** The page of what each transmitter does with each parameter, flag and command: made from runs. Markdown. */
export function transmitterPage(rows: readonly MeasuredRow[]): string {
  const notes = new Notes();
  const table = tableLines(rows, notes);
  return `# What each transmitter does

<!-- Made by "WRITE_DOCS=1 npm test transmitters" as root: do not change it here. -->

A transmitter is a way to send: see [README.md](../README.md#how-it-sends). This table tells which of them does what a parameter, a flag or a command asks for.

It is measured, not written: [tests/kernel/transmitters.test.ts](../tests/kernel/transmitters.test.ts) starts a device with each configuration by each transmitter on a veth pair with four
queues, captures what arrives, and fails when this page is not what it saw. The configurations are the examples of [parameters.md](parameters.md), with more lines where an example by itself shows in no
packet; [tests/support/transmitter-cases.ts](../tests/support/transmitter-cases.ts) has all of them.

| cell    | means                                                                                                                                  |
| ------- | -------------------------------------------------------------------------------------------------------------------------------------- |
| exact   | what arrived is what the pure JavaScript executor makes of the same configuration and random seed                                      |
| nearly  | packets are sent, and something about them is not as asked for: the note says what, as the log of the run does                         |
| refused | nothing is sent; the note is what the program answers                                                                                  |
| by NAME | for \`auto\`: which transmitter it took by itself; exact, unless the cell says nearly                                                    |

Compared are: every byte of every frame, their number and order; the time in them with that of their arrival; the figures of the result; the transmit queue of each packet; the pieces that a packet
with fragments is in; whether packets come to the queueing discipline, and with which priority; the usual gap between packets, within 5 %. IPsec is compared with the null cipher, where packets do not depend on
random IVs; \`tests/e2e/ipsec-tshark.test.ts\` has the ciphers.

A row with several names has one configuration for each of them. A row by itself shows its whole configuration.

| parameter, flag or command | ${COLUMNS.join(' | ')} |
| --- | ${COLUMNS.map(() => '---').join(' | ')} |
${table.join('\n')}

${notes.texts.map((text, i) => `${i + 1}. ${text}`).join('\n')}

Not in the table:

- \`clone_skb\` and \`burst\` on links that share buffers: \`tests/golden/clone.test.ts\` and \`tests/golden/live-clone.test.ts\` hold them against recordings of the kernel.
- \`xsk_zc\`, which wants a driver with zero-copy AF_XDP (a veth has none), and \`null\`, which sends nothing.
- Other links. Whether one takes live frames or AF_XDP is its driver's matter: \`pktgen probe -i DEV\` tells.
- Kernels before 6.3, which do not tell whether a link takes live frames: \`auto\` does without them there.
`;
}
