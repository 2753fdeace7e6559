// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './sshd.ts';

/** A REST server for restic repositories, which wants a login; rclone of Debian, on 127.0.0.1. */
export interface RestServer {
  readonly port: number;
  /** `rest:http://127.0.0.1:PORT`, without login. */
  readonly location: string;
  readonly user: string;
  readonly password: string;
  /** Ends it as a power cut does; what it has stored stays. */
  stop(): Promise<void>;
  /** Starts it again, at the same address. */
  start(): Promise<void>;
}

/** @param directory what it serves */
export async function startRestServer(directory: string): Promise<RestServer> {
  const port = await freePort();
  const [user, password] = ['keeper', 'rest-canary@/7'];
  let running: ChildProcess | undefined;
  const server: RestServer = {
    ...{ port, location: `rest:http://127.0.0.1:${port}`, user, password },
    async stop() {
      if (running === undefined || running.exitCode !== null) return;
      const ended = once(running, 'exit');
      running.kill('SIGKILL');
      await ended;
      running = undefined;
    },
    async start() {
      const words = ['serve', 'restic', '--config', '', '--addr', `127.0.0.1:${port}`];
      running = spawn('rclone', [...words, '--user', user, '--pass', password, directory], { stdio: 'ignore' });
      for (let attempt = 0; attempt < 1_200; attempt += 1) {
        if (running.exitCode !== null) throw new Error(`rclone ended with ${running.exitCode}: install rclone`);
        if (await listens(port)) return;
        await sleep(25);
      }
      throw new Error('rclone does not listen');
    },
  };
  await server.start();
  return server;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
