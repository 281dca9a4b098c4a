import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ControlFiles } from '../pktgen/control-files.ts';

/** What a client asks for: the files, a file's text, or a write. Texts are latin-1, as control files are. */
export type ControlRequest = (
  | { readonly list: true }
  | { readonly read: string }
  | { readonly write: string; readonly data: string }
) & {
  /** Of which namespace; need not be said where there is one. */
  readonly netns?: string;
};
/** What it gets: names, a text (null: no such file), what write(2) would return, or why there are no such files. */
export type ControlReply =
  | { readonly files: readonly string[] }
  | { readonly text: string | null }
  | { readonly returned: number }
  | { readonly refused: string };

/** The control files of a namespace, or of the only one; a text where there are none, which says why. */
export type FilesOf = (netns: string | undefined) => ControlFiles | string;

/** A living daemon has the socket; the message says which and what to do. */
export class SocketTaken extends Error {
  override readonly name = 'SocketTaken';
}

/**
 * The control files over a Unix socket, for where FUSE is not to be had: one JSON request a line, one JSON reply a
 * line. Only who may open the socket (mode 0600) may write; a client that goes away during a write is a signal to it.
 */
export class ControlSocket {
  readonly path: string;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /** Serves at `path`; what a killed daemon left there is removed. Throws SocketTaken when a daemon answers there. */
  static async open(path: string, files: FilesOf): Promise<ControlSocket> {
    if (await answers(path))
      throw new SocketTaken(`a pktgen daemon already answers at ${path}: stop it, or give another --socket`);
    rmSync(path, { force: true });
    const server = createServer();
    const socket = new ControlSocket(path, server);
    server.on('connection', (client) => socket.#serve(client, files));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    chmodSync(path, 0o600);
    return socket;
  }

  #serve(client: Socket, files: FilesOf): void {
    this.#clients.add(client);
    const gone = new AbortController();
    client.on('error', () => client.destroy());
    client.on('close', () => {
      this.#clients.delete(client);
      gone.abort();
    });
    createInterface(client).on('line', (line) => {
      void reply(line, files, gone.signal).then(
        (answer) => client.writable && client.write(`${JSON.stringify(answer)}\n`),
      );
    });
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.path, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const EINVAL = -22;

async function reply(line: string, filesOf: FilesOf, signal: AbortSignal): Promise<ControlReply> {
  const request = parseRequest(line);
  if (request === undefined) return { returned: EINVAL };
  const files = filesOf(request.netns);
  if (typeof files === 'string') return { refused: files };
  if ('list' in request) return { files: files.list() };
  if ('read' in request) return { text: files.read(request.read) ?? null };
  return { returned: await files.write(request.write, request.data, { capable: true, signal }) };
}

/** Reads a request; undefined for anything else. */
function parseRequest(line: string): ControlRequest | undefined {
  try {
    const request: unknown = JSON.parse(line);
    if (typeof request !== 'object' || request === null) return undefined;
    const of = 'netns' in request && typeof request.netns === 'string' ? { netns: request.netns } : {};
    if ('list' in request) return { list: true, ...of };
    if ('read' in request && typeof request.read === 'string') return { read: request.read, ...of };
    if (
      'write' in request &&
      'data' in request &&
      typeof request.write === 'string' &&
      typeof request.data === 'string'
    ) {
      return { write: request.write, data: request.data, ...of };
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** Whether someone listens there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Asks a daemon; resolves with its reply. Rejects when none listens there. */
export function askDaemon(path: string, request: ControlRequest, signal?: AbortSignal): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    signal?.addEventListener('abort', () => socket.destroy());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`the daemon at ${path} went away`)));
    const lines = createInterface(socket);
    // It tells of the socket's errors too.
    lines.once('error', reject);
    lines.once('line', (line) => {
      socket.removeAllListeners('close');
      socket.destroy();
      resolve(JSON.parse(line) as ControlReply);
    });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}
