import type { Command, Option } from 'commander';
import { newProgram } from './program.ts';

/** Text for troff: its control characters at the start of a line, and backslashes. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

const optionText = ({ flags, description, defaultValue }: Option): string => {
  const also = typeof defaultValue === 'string' ? ` (default: ${defaultValue})` : '';
  return `.TP\n.B ${roff(flags)}\n${roff(description + also)}`;
};

function commandText(command: Command): string {
  const { args, description } = { args: command.usage(), description: command.description() };
  const options = command.options.filter((option) => !option.hidden).map(optionText);
  return [`.SS pktgen ${roff(command.name())} ${roff(args)}`, roff(description), ...options].join('\n');
}

/** The manual page pktgen(1), in troff with the man macros: made from the command line itself. */
export function manualPage(): string {
  const program = newProgram(() => {});
  return `${[
    '.\\" Made by "npm run docs" from the command line: do not change it here.',
    '.TH PKTGEN 1 "" "" "User Commands"',
    `.SH NAME\npktgen \\- ${roff(program.description())}`,
    '.SH SYNOPSIS\n.B pktgen\n.I command\n[options]',
    ".SH DESCRIPTION\nThe kernel's packet generator in user space: the same control files, commands, packets and results.",
    `.SH COMMANDS\n${program.commands.map(commandText).join('\n')}`,
    '.SH EXIT STATUS\n0: all was sent. 1: it was not, or cannot be done here. 2: the command line makes no sense. ' +
      '3: more was lost or took longer than \\-\\-max\\-loss and \\-\\-max\\-latency allow.',
    '.SH SEE ALSO\ndocs/parameters.md, docs/kernel\\-differences.md',
  ].join('\n')}\n`;
}
