import { Argument, type Command } from 'commander';

const SHELLS = ['bash', 'zsh'] as const;

/** `pktgen completion`: what a shell needs to complete our commands and options. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print what completes commands and options in a shell: source <(pktgen completion bash)')
    .addArgument(new Argument('<SHELL>', 'for this shell').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => {
      process.stdout.write(completionScript(program, shell));
    });
}

/** A script of the shell; options whose values are words, links or files complete these. */
export function completionScript(program: Command, shell: (typeof SHELLS)[number]): string {
  const commands = program.commands.map((command) => command.name());
  const cases = program.commands.map((command) => {
    const options = command.options.flatMap(({ long, short }) => [long, short]).filter((one) => one !== undefined);
    return `    ${command.name()}) words="${[...options, '--help'].join(' ')}" ;;`;
  });
  const choices = new Map<string, readonly string[]>();
  for (const { long, argChoices } of program.commands.flatMap((command) => command.options)) {
    if (long && argChoices) choices.set(long, argChoices);
  }
  const values = [...choices].map(([option, words]) => `    ${option}) words="${words.join(' ')}" ;;`);
  return `${[
    '# Completion of pktgen, made from its command line.',
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_pktgen() {',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
    '  local words="" current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    '  esac',
    '  case "$previous" in',
    ...values,
    '    -i|--interface|--sink) words="$(ls /sys/class/net)" ;;',
    '    --pcap) COMPREPLY=($(compgen -f -- "$current")); return ;;',
    '  esac',
    `  if [ "$COMP_CWORD" = 1 ]; then words="${[...commands, '--help', '--version'].join(' ')}"; fi`,
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -F _pktgen pktgen',
  ].join('\n')}\n`;
}
