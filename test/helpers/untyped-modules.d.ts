// SPDX-License-Identifier: AGPL-3.0-or-later
// The parts that tests use of packages that bring no types.

declare module 'smtp-server' {
  import type { EventEmitter } from 'node:events';
  import type { Server } from 'node:net';
  import type { Readable } from 'node:stream';

  interface Address {
    readonly address: string;
  }

  type Done = (error?: Error | null) => void;

  interface SMTPServerOptions {
    readonly authOptional?: boolean;
    readonly disabledCommands?: readonly string[];
    readonly hideSTARTTLS?: boolean;
    readonly secure?: boolean;
    onAuth?(
      auth: { username: string; password: string },
      session: object,
      done: (error: Error | null, user?: object) => void,
    ): void;
    onMailFrom?(address: Address, session: object, done: Done): void;
    onRcptTo?(address: Address, session: object, done: Done): void;
    onData?(stream: Readable, session: { envelope: { rcptTo: readonly Address[] } }, done: Done): void;
  }

  export class SMTPServer extends EventEmitter {
    readonly server: Server;
    constructor(options: SMTPServerOptions);
    listen(port: number, host: string, done: () => void): void;
    close(done: () => void): void;
  }
}

declare module 'mailparser' {
  interface ParsedMail {
    readonly subject?: string;
    readonly text?: string;
    readonly html?: string | false;
    readonly headers: ReadonlyMap<string, unknown>;
    readonly headerLines: readonly { readonly key: string; readonly line: string }[];
    readonly to?: { readonly text: string };
    readonly from?: { readonly text: string };
  }

  export function simpleParser(source: Buffer | string): Promise<ParsedMail>;
}
