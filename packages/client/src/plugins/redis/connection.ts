// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Socket } from 'node:net';
import { BackupError } from '@local-backup/common/errors';
import { cannotTalk, dial, type Place, silenceMs } from './dial.ts';
import { encodeCommand, type Reply, ReplyError, RespReader } from './resp.ts';

type Word = string | Buffer;

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to a server, for any bytes: the output of redis-cli is text. */
export class Connection {
  readonly title: string;
  readonly #place: Place;
  readonly #socket: Socket;
  readonly #reader = new RespReader();
  readonly #waiting: Waiting[] = [];
  #broken: Error | undefined;

  private constructor(place: Place, socket: Socket, signal: AbortSignal) {
    this.title = place.title;
    this.#place = place;
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#break(error));
    socket.on('close', () => this.#break('it closed the connection'));
    const limit = silenceMs(place);
    socket.setTimeout(limit, () => {
      if (this.#waiting.length > 0) this.#break(`no answer for ${limit / 1000} s`);
    });
    const onAbort = () => this.#fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', onAbort));
  }

  /**
   * Connects and logs in.
   * @throws BackupError `failed` that says whether it could not be reached or refused the login; no secret is in it
   */
  static async open(place: Place, signal: AbortSignal): Promise<Connection> {
    const { title, user, password } = place;
    const connection = new Connection(place, await dial(place, signal), signal);
    try {
      if (password !== undefined) {
        const reply = await connection.#send(['AUTH', ...(user === undefined ? [] : [user]), password]);
        // The message of the server may quote what it was sent.
        if (reply instanceof ReplyError) throw loginRefused(title, user, reply.message);
      }
      const reply = await connection.#send(['PING']);
      if (reply instanceof ReplyError && !reply.message.startsWith('LOADING')) throw refused(title, reply.message);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** @throws BackupError `failed` with what the server said */
  async ask(...words: readonly Word[]): Promise<Reply> {
    const reply = await this.#send(words);
    if (reply instanceof ReplyError) throw new BackupError('failed', `${this.title}: ${words[0]}: ${reply.message}`);
    return reply;
  }

  /** Sends several commands at once; the answers are in their order, refusals among them. */
  async askAll(commands: readonly (readonly Word[])[]): Promise<readonly Reply[]> {
    return Promise.all(commands.map((words) => this.#send(words)));
  }

  /** The answer as text. */
  async text(...words: readonly Word[]): Promise<string> {
    const reply = await this.ask(...words);
    return Buffer.isBuffer(reply) ? reply.toString('utf8') : String(reply);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(words: readonly Word[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#socket.write(encodeCommand(words));
    });
  }

  #take(chunk: Buffer): void {
    try {
      for (const reply of this.#reader.push(chunk)) this.#waiting.shift()?.resolve(reply);
    } catch (error) {
      this.#break(`what it answers cannot be read: ${error instanceof Error ? error.message : error}`);
    }
  }

  #break(cause: Error | string): void {
    this.#fail(cannotTalk(this.#place, cause));
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#broken);
    this.#socket.destroy();
  }
}

function loginRefused(title: string, user: string | undefined, message: string): BackupError {
  const kind = message.split(' ')[0] ?? '';
  const hint =
    kind === 'WRONGPASS' || kind === 'ERR' ? 'the password in `password_file`, and `user`' : `what it says: ${kind}`;
  return new BackupError('failed', `${title} refused the login of ${user ?? 'the default user'}. Look at ${hint}.`);
}

function refused(title: string, message: string): BackupError {
  const hint = message.startsWith('NOAUTH') ? ' Name a file with its password in `password_file`.' : '';
  return new BackupError('failed', `${title} refuses to answer: ${message}.${hint}`);
}
