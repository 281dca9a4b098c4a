import { FLAG_DOCS, FLAG_NAMES } from '../pktgen/flags.ts';
import { PARAM_ROWS } from '../pktgen/params.ts';
import { SHORTCUTS } from '../pktgen/shortcuts.ts';
import { describe, dissect } from '../wire/dissect.ts';
import { HEADINGS, optionName } from './param-options.ts';
import { EXAMPLE_LINK, previewPackets } from './preview.ts';

/** The time that packets of examples carry. */
const SEC = 1_700_000_000;
const PACKETS = 2;

const heading = (text: string): string => text.replace(/:$/, '');

/** The first packets of a configuration, a line each. */
function packetsOf(lines: readonly string[]): string[] {
  return previewPackets(lines, PACKETS, EXAMPLE_LINK, SEC).map(
    ({ bytes, at }, i) =>
      `${i + 1}: ${bytes.length} bytes${at > 0 ? ` after ${at} ns` : ''}: ${describe(dissect(bytes)).join(' | ')}`,
  );
}

function valueText(initial: unknown): string {
  if (Array.isArray(initial)) return 'none';
  return initial === '' ? 'unset' : String(initial);
}

/** The page of all parameters: made from their table, with the packets that an example gives. Markdown. */
export function parameterPage(): string {
  const rows = [...PARAM_ROWS];
  const sections = Object.entries(HEADINGS).flatMap(([group, title]) => {
    const own = rows.filter(([, row]) => row.group === group);
    if (own.length === 0) return [];
    return [
      `## ${heading(title)}`,
      ...own.map(([name, row]) => {
        const unit = row.unit ? `, ${row.unit}` : '';
        return [
          `### ${name}`,
          `\`${name} ${row.kind.placeholder}\` or \`${optionName(name)} <${row.kind.placeholder}>\`${unit}; default: ${valueText(row.initial)}.`,
          row.doc,
          `\`\`\`\n${row.example.join('\n')}\n\n${packetsOf(row.example).join('\n')}\n\`\`\``,
        ].join('\n\n');
      }),
    ];
  });
  const flags = FLAG_NAMES.map((name) => `- \`${name}\`: ${FLAG_DOCS[name]}`);
  const shortcuts = Object.entries(SHORTCUTS).map(
    ([name, { placeholder, doc }]) => `- \`${name}${placeholder ? ` ${placeholder}` : ''}\`: ${doc}`,
  );
  return `${[
    '# Parameters',
    '<!-- Made by "npm run docs" from src/pktgen/params.ts: do not change it here. -->',
    'Every parameter of a device: a line for its control file, an option of `pktgen run` and `pktgen preview`, and the first packets of an example.',
    ...sections,
    '## Names of flags',
    flags.join('\n'),
    '## Commands that set several parameters',
    shortcuts.join('\n'),
  ].join('\n\n')}\n`;
}
