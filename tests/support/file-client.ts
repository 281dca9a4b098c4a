import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * A process that uses control files as a script does: reads a JSON request a line from its standard input, writes a
 * JSON reply a line. A process of its own, because the one that serves the mount must not touch it.
 */
export type FileRequest = { write: string; data: string } | { read: string } | { list: true };
export type FileReply = { returned?: number; code?: string; text?: string | null; files?: string[] };

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

function answer(folder: string, request: FileRequest): FileReply {
  if ('list' in request) return { files: readdirSync(folder).sort() };
  if ('read' in request) {
    try {
      return { text: readFileSync(join(folder, request.read), 'latin1') };
    } catch {
      return { text: null };
    }
  }
  let fd: number;
  try {
    fd = openSync(join(folder, request.write), 'w');
  } catch (error) {
    return { code: `open:${codeOf(error)}` };
  }
  try {
    return { returned: writeSync(fd, Buffer.from(request.data, 'latin1')) };
  } catch (error) {
    return { code: codeOf(error) };
  } finally {
    closeSync(fd);
  }
}

const [folder] = process.argv.slice(2);
if (folder !== undefined) {
  createInterface(process.stdin).on('line', (line) => {
    process.stdout.write(`${JSON.stringify(answer(folder, JSON.parse(line) as FileRequest))}\n`);
  });
}
