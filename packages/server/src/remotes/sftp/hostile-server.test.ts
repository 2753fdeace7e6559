// SPDX-License-Identifier: AGPL-3.0-or-later

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@local-backup/common/log';
import ssh2, { type FileEntry, type SFTPWrapper } from 'ssh2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Remote } from '../remote.ts';
import { connectSftp } from './index.ts';

/** A host that has been taken over and speaks SFTP as it likes. */
type Behaviour = (sftp: SFTPWrapper) => void;

const HANDLE = Buffer.from('h');
const { STATUS_CODE } = ssh2.utils.sftp;
const silent: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => silent };
const attrs = (mode: number, size = 0) => ({ mode, size, uid: 0, gid: 0, atime: 0, mtime: 0 });

let directory: string;
let remote: Remote | undefined;
let server: ssh2.Server | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostile-'));
});
afterEach(async () => {
  await remote?.close();
  await new Promise((resolve) => server?.close(resolve));
  rmSync(directory, { recursive: true });
});

/** ssh2 1.17 writes one of some 200 ed25519 keys so that nobody can read it, not even itself (measured: 14 of 3,000). */
function readableKey() {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
  throw new Error('ssh2 makes no key that can be read');
}

const [hostKey, clientKey] = [readableKey(), readableKey()];

async function connect(behaviour: Behaviour, requestTimeoutMs = 10_000): Promise<Remote> {
  server = new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
    client.on('error', ignore);
    // The types lack it. Without it every answer takes 40 ms longer.
    (client as unknown as { setNoDelay(on: boolean): void }).setNoDelay(true);
    client.on('authentication', (context) => context.accept());
    client.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => behave(acceptSftp(), behaviour));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const [keyFile, knownHosts] = [join(directory, 'key'), join(directory, 'known_hosts')];
  writeFileSync(keyFile, clientKey.private, { mode: 0o600 });
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${hostKey.public}\n`);
  const target = {
    address: '127.0.0.1',
    port,
    user: 'backup',
    keyFile,
    passphraseFile: undefined,
    useAgent: false,
    knownHostsFiles: [knownHosts],
    connectTimeoutMs: 10_000,
    requestTimeoutMs,
    keepaliveIntervalMs: 60_000,
    keepaliveCountMax: 3,
    jump: undefined,
  };
  remote = await connectSftp(target, '/spool', { log: silent, signal: new AbortController().signal });
  return remote;
}

/** Lets the connection be made: the spool can be opened. */
function behave(sftp: SFTPWrapper, behaviour: Behaviour): void {
  sftp.on('OPENDIR', (id) => sftp.handle(id, HANDLE));
  sftp.on('OPEN', (id) => sftp.handle(id, HANDLE));
  sftp.on('CLOSE', (id) => sftp.status(id, STATUS_CODE.OK));
  behaviour(sftp);
}

function ignore(): void {
  // Nothing to do.
}

test('names that lead out of the spool are listed as something that cannot be fetched', async () => {
  const names = ['../../etc/passwd', '/etc/passwd', '..', '.', '', 'web1-20261121_030000.tar.gz', 'x'.repeat(255)];
  const entries: FileEntry[] = names.map((filename) => ({ filename, longname: filename, attrs: attrs(0o100644, 5) }));
  const hostile = await connect((sftp) => {
    let pages = 0;
    sftp.on('READDIR', (id) => (pages++ === 0 ? sftp.name(id, entries) : sftp.status(id, STATUS_CODE.EOF)));
  });
  expect((await hostile.list()).map((file) => [file.name, file.type])).toEqual([
    ['..\\x2f..\\x2fetc\\x2fpasswd', 'other'],
    ['\\x2fetc\\x2fpasswd', 'other'],
    ['web1-20261121_030000.tar.gz', 'file'],
    ['x'.repeat(255), 'file'],
  ]);
});

test('a directory without end is given up', async () => {
  const page: FileEntry[] = Array.from({ length: 2_500 }, (_, index) => ({
    filename: `f${index}`,
    longname: '',
    attrs: attrs(0o100644),
  }));
  const hostile = await connect((sftp) => {
    sftp.on('READDIR', (id) => sftp.name(id, page));
  });
  await expect(hostile.list()).rejects.toThrow(/more than 100000 entries/);
});

test.each([
  ['a name longer than Linux has', 'x'.repeat(256), /a name of more than 255 bytes/],
  ['names beyond all memory', '\ufffd'.repeat(255), /more than 33554432 bytes of names/],
])('%s: given up', async (_, filename, message) => {
  const page: FileEntry[] = Array.from({ length: 200 }, () => ({ filename, longname: '', attrs: attrs(0o100644) }));
  const hostile = await connect((sftp) => {
    sftp.on('READDIR', (id) => sftp.name(id, page));
  });
  await expect(hostile.list()).rejects.toMatchObject({ code: 'untrusted', message: expect.stringMatching(message) });
});

test('pages without an entry are taken for the end', async () => {
  const hostile = await connect((sftp) => {
    sftp.on('READDIR', (id) => sftp.name(id, []));
  });
  expect(await hostile.list()).toEqual([]);
});

test.each([
  ['a device', attrs(0o020666, 10)],
  ['a size beyond all numbers', attrs(0o100644, 2 ** 60)],
])('%s is not read', async (_what, described) => {
  const hostile = await connect((sftp) => {
    sftp.on('FSTAT', (id) => sftp.attrs(id, described));
  });
  await expect(hostile.read('a', 1_000)).rejects.toMatchObject({ code: 'untrusted' });
});

test('of more data than was asked for, no byte is handed on', async () => {
  const hostile = await connect((sftp) => {
    sftp.on('FSTAT', (id) => sftp.attrs(id, attrs(0o100644, 100)));
    sftp.on('READ', (id) => sftp.data(id, Buffer.alloc(5_000)));
  });
  const got: number[] = [];
  const onData = (data: Buffer) => void got.push(data.length);
  await hostile.fetch('a', { offset: 40, maxBytes: 90, minimumRate: 1, onData });
  expect(got).toEqual([50]);
});

test('a request that is never answered ends at its time limit', async () => {
  const hostile = await connect((sftp) => {
    sftp.on('LSTAT', ignore);
  }, 1_000);
  await expect(hostile.stat('a')).rejects.toThrow(/did not answer within 1 s/);
});
