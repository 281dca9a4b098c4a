import { type Command, Option } from 'commander';
import type { ParamGroup } from '../pktgen/param.ts';
import { PARAM_ROWS } from '../pktgen/params.ts';
import { SHORTCUTS } from '../pktgen/shortcuts.ts';
import { checkValue } from './strict-value.ts';

/** Headings of the help, in their order. */
export const HEADINGS: Readonly<Record<ParamGroup, string>> = {
  run: 'How much and how fast:',
  size: 'Packet size:',
  addresses: 'Addresses:',
  ports: 'Ports:',
  flows: 'Flows:',
  tags: 'Tags, labels and marks:',
  sending: 'Sending:',
  flags: 'Flags:',
  other: 'Other:',
};

/** A line for a device file, and the option that asked for it. */
export interface ParamLine {
  readonly name: string;
  readonly line: string;
}

/** Shortcuts that make sense before a run. */
const RUN_SHORTCUTS = ['pkt_size', 'rate', 'ratep'] as const;

interface Row {
  readonly name: string;
  readonly placeholder: string;
  readonly doc: string;
  readonly unit?: string;
  readonly group: ParamGroup;
  readonly initial?: unknown;
}

/** Rows that get an option: every parameter, and the shortcuts that set them. */
export function optionRows(): Row[] {
  const params = [...PARAM_ROWS].map(([name, row]) => ({ ...row, name, placeholder: row.kind.placeholder }));
  const shortcuts = RUN_SHORTCUTS.map((name) => ({ name, ...SHORTCUTS[name] }));
  const dst = { name: 'dst', placeholder: 'ADDRESS', doc: 'The same as --dst-min.', group: 'addresses' as const };
  return [...params, ...shortcuts, dst];
}

export const optionName = (name: string): string => `--${name.replaceAll('_', '-')}`;

function describe({ doc, unit, initial }: Row): string {
  const withUnit = unit ? `${doc} [${unit}]` : doc;
  const worth = typeof initial === 'number' || typeof initial === 'bigint' || typeof initial === 'string';
  return worth && initial !== '' && initial !== -1 && initial !== 0xffff
    ? `${withUnit} (default: ${initial})`
    : withUnit;
}

/** Adds an option for each row. Values are checked as people mean them and collected, in order, in `lines`. */
export function addParamOptions(command: Command, lines: ParamLine[]): void {
  const rows = optionRows();
  for (const [group, heading] of Object.entries(HEADINGS)) {
    for (const row of rows.filter((one) => one.group === group)) {
      const flags = `${optionName(row.name)} <${row.placeholder}>`;
      const option = new Option(flags, describe(row)).helpGroup(heading).argParser((value: string) => {
        checkValue(optionName(row.name), row.name, value);
        lines.push({ name: row.name, line: `${row.name} ${value}` });
        return value;
      });
      command.addOption(option);
    }
  }
}
