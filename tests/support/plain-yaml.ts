/** What a YAML file holds. */
export type Yaml = string | readonly Yaml[] | { readonly [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
}

/**
 * Reads YAML as our manifests are written: maps, lists, scalars, lists in brackets; no anchors, no text over several lines.
 * Throws for all else, so that a slip of indentation is found.
 */
export function parsePlainYaml(text: string): Yaml {
  const lines = text.split('\n').flatMap((line): Line[] => {
    if (/^\s*(#.*)?$/.test(line)) return [];
    if (/\t/.test(line)) throw new SyntaxError(`a tab: ${line}`);
    return [{ indent: line.search(/\S/), text: line.trim() }];
  });
  const value = block(lines, lines[0]?.indent ?? 0);
  if (lines.length > 0) throw new SyntaxError(`out of place: ${lines[0]?.text}`);
  return value;
}

/** Takes the block that begins with the first line. */
function block(lines: Line[], indent: number): Yaml {
  return lines[0]?.text.startsWith('- ') ? list(lines, indent) : map(lines, indent);
}

function list(lines: Line[], indent: number): Yaml[] {
  const items: Yaml[] = [];
  while (lines[0]?.indent === indent && lines[0].text.startsWith('- ')) {
    const text = lines[0].text.slice(2).trim();
    if (KEY.test(text)) {
      lines[0] = { indent: indent + 2, text };
      items.push(map(lines, indent + 2));
    } else {
      lines.shift();
      items.push(scalar(text));
    }
  }
  return items;
}

function map(lines: Line[], indent: number): Yaml {
  const entries: Record<string, Yaml> = {};
  while (lines[0]?.indent === indent) {
    const [, key, rest] = KEY.exec(lines.shift()?.text ?? '') ?? [];
    if (key === undefined) throw new SyntaxError('a map wants KEY: VALUE');
    if (key in entries) throw new SyntaxError(`twice: ${key}`);
    const below = lines[0]?.indent ?? 0;
    if (rest) entries[key] = scalar(rest);
    else if (below > indent) entries[key] = block(lines, below);
    else throw new SyntaxError(`nothing in ${key}`);
  }
  return entries;
}

const KEY = /^([\w./-]+):(?: (.*))?$/;

function scalar(text: string): Yaml {
  if (text.startsWith('[') && text.endsWith(']'))
    return text
      .slice(1, -1)
      .split(',')
      .map((item) => scalar(item.trim()));
  return /^'(.*)'$/.exec(text)?.[1] ?? text;
}
