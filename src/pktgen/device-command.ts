import type { CommandContext, CommandOutcome } from './command.ts';
import type { Param } from './param.ts';
import { PARAM_RULES, type ParamRule } from './param-rules.ts';
import { PARAM_ROWS } from './params.ts';
import { skipBlanks, word } from './scan.ts';
import { SHORTCUTS } from './shortcuts.ts';

/** Other names of parameters. */
const ALIASES: Readonly<Record<string, string>> = { dst: 'dst_min' };
/** Longest name that is looked at; the rest of a longer one counts as the value. */
const LONGEST_NAME = 15;

const shortcuts = new Map(Object.entries(SHORTCUTS));
const rules = new Map<string, ParamRule<unknown>>(Object.entries(PARAM_RULES));

/** The names of all commands of a device file. */
export const deviceCommandNames = (): string[] => [...PARAM_ROWS.keys(), ...shortcuts.keys(), ...Object.keys(ALIASES)];

/** Does what one line written to a device file says. Changes nothing itself: the outcome holds the new configuration. */
export function runDeviceCommand(line: string, on: CommandContext): CommandOutcome {
  const start = skipBlanks(line, 0);
  const written = word(line, start, LONGEST_NAME);
  const from = skipBlanks(line, start + written.length);
  const name = Object.hasOwn(ALIASES, written) ? (ALIASES[written] ?? written) : written;
  const row = PARAM_ROWS.get(name);
  if (row) {
    const rule = rules.get(name) ?? {};
    return rule.run?.(line, from, on) ?? setParam(name, row, rule, line, from, on);
  }
  const shortcut = shortcuts.get(name);
  if (shortcut) return shortcut.run(line, from, on);
  return { config: on.config, result: `No such parameter "${written}"`, errno: 'EINVAL' };
}

/** What every row does that has no command of its own: read, refuse or clamp and store, echo. */
function setParam(
  name: string,
  row: Param<unknown>,
  rule: ParamRule<unknown>,
  line: string,
  from: number,
  on: CommandContext,
): CommandOutcome {
  const { config } = on;
  const previous: unknown = config[name as keyof typeof config];
  const read = row.kind.parse(line, from, previous);
  if (read === undefined) {
    return rule.badText ? { config, result: rule.badText(line, from) } : { config, errno: 'EINVAL' };
  }
  const refusal = rule.refuse?.(read, on);
  if (refusal) return { config, ...refusal };
  const clamped = row.clamp?.(read) ?? read;
  const value = row.kind.store?.(clamped) ?? clamped;
  const { config: also, patches = [], quiet } = rule.effect?.(value, on) ?? {};
  if (quiet) return { config: { ...config, ...also }, patches };
  const echo = row.echo?.(value) ?? `${name}=${row.kind.format(value)}`;
  return { config: { ...config, [name]: value, ...also }, result: `OK: ${echo}`, patches };
}
