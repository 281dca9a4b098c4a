import { type Draft, TextFault, WORDS, type Words } from './association-words.ts';
import type { SecurityAssociation } from './security-association.ts';

/** What cannot be read, and where: the CLI prints `FILE:LINE: MESSAGE`. */
export interface AssociationFault {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** What a file of associations says. Where there are faults, associations are missing. */
export interface AssociationText {
  /** In the order of the file: pktgen takes the first one that fits. */
  readonly associations: readonly SecurityAssociation[];
  /** One for each association at most. */
  readonly faults: readonly AssociationFault[];
}

/** A line with its continuations. */
interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * Reads a file of security associations: arguments of `ip xfrm state add`, an association a line (those words may stand
 * before them; `#` begins a comment, a backslash at its end goes on with the next line), or what `ip xfrm state` lists,
 * with -s or without.
 */
export function parseAssociations(text: string): AssociationText {
  const associations: SecurityAssociation[] = [];
  const faults: AssociationFault[] = [];
  for (const lines of groups(logicalLines(text))) {
    const draft: Draft = {};
    let number = 0;
    try {
      for (const line of lines) {
        number = line.number;
        readLine(line.text, draft);
      }
      number = lines[0]?.number ?? 0;
      associations.push(complete(draft));
    } catch (error) {
      if (!(error instanceof TextFault)) throw error;
      faults.push({ line: number, message: error.message });
    }
  }
  return { associations, faults };
}

/** A `#` is a comment at the start of a word; in quotes it belongs to a key. */
const COMMENT = /^((?:"[^"]*"|'[^']*'|[^"'#]|(?<=\S)#)*)#.*$/;

/** Lines that say something. */
function logicalLines(text: string): Line[] {
  const found: Line[] = [];
  let open: Line | undefined;
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = raw.replace(COMMENT, '$1').trimEnd();
    const { number, text: before }: Line = open ?? { number: index + 1, text: '' };
    const goesOn = line.endsWith('\\');
    open = { number, text: before + (goesOn ? `${line.slice(0, -1)} ` : line) };
    if (goesOn) return;
    if (open.text.trim() !== '') found.push(open);
    open = undefined;
  });
  return open ? [...found, open] : found;
}

const COMMAND = /^\s*ip\s+(?:-\S+\s+)*x\w*\s+s\w*\s+(?:add|update)\s+/;

/** Lines by association: each begins with its addresses, or with the command; the listing goes on in lines of its own. */
function groups(lines: readonly Line[]): Line[][] {
  const found: Line[][] = [];
  for (const { number, text } of lines) {
    const line = { number, text: text.replace(COMMAND, '') };
    const begins = line.text !== text || /^\s*(src|dst|ip)\s/.test(text) || found.length === 0;
    if (begins) found.push([line]);
    else found.at(-1)?.push(line);
  }
  return found;
}

/** Lines of the listing that say what has been, or what is not of the packets. */
const HISTORY: readonly RegExp[] = [
  /^lifetime (config|current):$/,
  /^(limit|expire \w+): /,
  /^\d+\(bytes\), \d+\(packets\)$/,
  /^add \d\S* \S+ use /,
  /^stats:$/,
  /^replay-window \d+ replay \d+ failed \d+$/,
  /^lastused /,
  /^anti-replay esn context:$/,
  /^replay_window \d+, bitmap-length \d+$/,
  /^[\da-f]{8}( [\da-f]{8})*$/,
  /^crypto offload parameters: /,
  /^security context /,
];
/** The sequence numbers of the listing, 32 bits or 64. */
const REPLAY =
  /^(?:anti-replay context: |seq-hi 0x[\da-f]+, )seq 0x[\da-f]+, (?:oseq-hi (0x[\da-f]+), )?oseq (0x[\da-f]+)/;

/** A text in quotes, a remark of the listing in brackets, a word. */
const TOKEN = /"([^"]*)"|'([^']*)'|\(\d+ bits\)|\(0x[\da-f]+\)|((?:\\.|[^\s"'\\])+)/g;

function readLine(text: string, draft: Draft): void {
  const line = text.trim();
  if (HISTORY.some((pattern) => pattern.test(line))) return;
  const replay = REPLAY.exec(line);
  if (replay) {
    draft.oseqHigh = Number(replay[1] ?? 0);
    draft.oseq = Number(replay[2]);
    return;
  }
  const words = wordsOf(line);
  for (let word = words.peek(); word !== undefined; word = words.peek()) {
    words.take();
    const read = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    if (!read) throw new TextFault(unknownWord(word));
    try {
      read(words, draft);
    } catch (error) {
      throw error instanceof TextFault ? new TextFault(`${word}: ${error.message}`) : error;
    }
  }
}

const unknownWord = (word: string): string =>
  word === 'ip'
    ? 'only the command "ip xfrm state add" can stand here'
    : `"${word}" is no word of ip xfrm state that is known here: leave it out`;

function wordsOf(line: string): Words {
  if (line.replace(TOKEN, '').trim() !== '') throw new TextFault('a quote is missing');
  const tokens = [...line.matchAll(TOKEN)].flatMap(([, double, single, bare]) => {
    const word = double ?? single ?? bare?.replace(/\\(.)/g, '$1');
    return word === undefined ? [] : [word];
  });
  let at = 0;
  return {
    peek: () => tokens[at],
    take() {
      const word = tokens[at++];
      if (word === undefined) throw new TextFault('the line ends where a value should be');
      return word;
    },
  };
}

/** An association of all that was said, and of what holds where nothing was. */
function complete({ src, dst, oseq = 0, oseqHigh = 0, ...said }: Draft): SecurityAssociation {
  if (!dst) throw new TextFault('dst is missing: an association begins with src ADDRESS dst ADDRESS');
  if (!said.proto) throw new TextFault('proto is missing: say proto esp or proto ah');
  if (src && src.family !== dst.family) throw new TextFault('src and dst are of different families');
  return {
    spi: 0,
    mode: 'transport',
    reqid: 0,
    ifId: 0,
    flags: [],
    ...said,
    proto: said.proto,
    family: dst.family,
    src: src?.bytes ?? new Uint8Array(dst.bytes.length),
    dst: dst.bytes,
    oseq: oseqHigh * 2 ** 32 + oseq,
  };
}
