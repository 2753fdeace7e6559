// SPDX-License-Identifier: AGPL-3.0-or-later
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy on 127.0.0.1 that can be a bad network. Counts and limits concern what flows from the server to the client. */
export interface TcpProxy {
  readonly port: number;
  /** Bytes handed to clients so far, over all connections. */
  delivered(): number;
  /** Cuts every connection as soon as this many more bytes were handed on; the limit holds once. */
  cutAfter(bytes: number): void;
  /** Cuts all connections now; new ones are accepted. */
  cut(): void;
  /** Hands nothing on in either direction, while the connections stay open. */
  freeze(): void;
  /** Hands on at most this many bytes per second to each client. */
  drip(bytesPerSecond: number): void;
  /** Back to normal. */
  thaw(): void;
  stop(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

interface State {
  readonly links: Set<Link>;
  frozen: boolean;
  rate: number | undefined;
  delivered: number;
  cutAt: number;
}

/** What drips is handed on this often, in milliseconds. */
const DRIP_MS = 100;

/** Starts a proxy in front of a port of 127.0.0.1. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const state: State = {
    links: new Set(),
    frozen: false,
    rate: undefined,
    delivered: 0,
    cutAt: Number.POSITIVE_INFINITY,
  };
  const listener = createServer((client) => join(state, client, targetPort));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    delivered: () => state.delivered,
    cutAfter: (bytes) => {
      state.cutAt = state.delivered + bytes;
    },
    cut: () => cut(state),
    freeze: () => {
      state.frozen = true;
      for (const socket of socketsOf(state)) socket.pause();
    },
    drip: (bytesPerSecond) => {
      state.rate = bytesPerSecond;
    },
    thaw: () => {
      state.frozen = false;
      state.rate = undefined;
      for (const socket of socketsOf(state)) socket.resume();
    },
    stop: async () => {
      const closed = new Promise((resolve) => listener.close(resolve));
      cut(state);
      await closed;
    },
  };
}

function join(state: State, client: Socket, targetPort: number): void {
  const server = connect({ host: '127.0.0.1', port: targetPort });
  const link = { client, server };
  state.links.add(link);
  server.on('data', (data) => (state.rate === undefined ? deliver(state, link, data) : dripOn(state, link, data)));
  client.on('data', (data) => {
    if (!server.write(data)) resumeWhenDrained(state, client, server);
  });
  for (const socket of [client, server]) {
    socket.setNoDelay(true);
    if (state.frozen) socket.pause();
    // However one side ends, the other ends too.
    socket.on('error', () => destroy(link));
    socket.on('close', () => {
      destroy(link);
      state.links.delete(link);
    });
  }
}

function deliver(state: State, { client, server }: Link, data: Buffer): void {
  const allowed = data.subarray(0, Math.max(0, state.cutAt - state.delivered));
  state.delivered += allowed.length;
  const ready = client.write(allowed);
  if (state.delivered >= state.cutAt) {
    state.cutAt = Number.POSITIVE_INFINITY;
    // What was written has to leave before the connection ends.
    client.end(() => cut(state));
  } else if (!ready) {
    resumeWhenDrained(state, server, client);
  }
}

function dripOn(state: State, link: Link, data: Buffer): void {
  const bytes = Math.max(1, Math.ceil(((state.rate ?? data.length) * DRIP_MS) / 1000));
  link.server.pause();
  deliver(state, link, data.subarray(0, bytes));
  if (data.length > bytes) link.server.unshift(data.subarray(bytes));
  setTimeout(() => {
    if (!state.frozen) link.server.resume();
  }, DRIP_MS);
}

function resumeWhenDrained(state: State, from: Socket, to: Socket): void {
  from.pause();
  to.once('drain', () => {
    if (!state.frozen) from.resume();
  });
}

function cut(state: State): void {
  for (const link of state.links) destroy(link);
}

function socketsOf(state: State): Socket[] {
  return [...state.links].flatMap(({ client, server }) => [client, server]);
}

function destroy({ client, server }: Link): void {
  client.destroy();
  server.destroy();
}
