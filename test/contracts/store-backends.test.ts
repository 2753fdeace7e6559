// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createResticStore, type ResticStoreOptions } from '../../packages/server/src/stores/restic/index.ts';
import type { Store } from '../../packages/server/src/stores/store.ts';
import { readTree } from '../helpers/file-tree.ts';
import { type RestServer, startRestServer } from '../helpers/rest-server.ts';
import { createResticLab, type ResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { type Sshd, startSshd } from '../helpers/sshd.ts';
import { until } from '../helpers/system-lab.ts';

const never = new AbortController().signal;
const STAMP = '20260101_010000';
const usualPath = process.env.PATH;

describe.each(RESTIC_SERIES)('backends with restic %s', (series) => {
  let lab: ResticLab;
  let rest: RestServer;
  let sshd: Sshd;
  let live: string;
  beforeAll(async () => {
    lab = await createResticLab(series);
    mkdirSync(join(lab.directory, 'served'));
    rest = await startRestServer(join(lab.directory, 'served'));
    sshd = await startSshd({ forceInternalSftp: true });
    live = join(lab.directory, 'live');
    mkdirSync(live);
    writeFileSync(join(live, 'note'), 'a note\n');
    writeFileSync(join(live, 'noise'), randomBytes(3_000_000));
    process.env.PATH = `${sshBeside(sshd.knownHostsFile)}:${usualPath}`;
  });
  afterAll(async () => {
    process.env.PATH = usualPath;
    await rest.stop();
    await sshd.stop();
    lab.remove();
  });

  /** restic starts `ssh` itself; in place of root's own ~/.ssh it gets the files of the test. */
  const sshBeside = (knownHosts: string): string => {
    const directory = mkdtempSync(join(lab.directory, 'bin-'));
    const own = ['-F', 'none', '-i', sshd.clientKey, '-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'BatchMode=yes'];
    writeFileSync(join(directory, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh ${own.join(' ')} "$@"\n`, { mode: 0o755 });
    return directory;
  };
  const login = () => ({ RESTIC_REST_USERNAME: rest.user, RESTIC_REST_PASSWORD: rest.password });
  const overRest = (host: string): Partial<ResticStoreOptions> => {
    return { repository: `${rest.location}/${host}`, environment: async () => login() };
  };
  const restStore = (host: string, changed: Partial<ResticStoreOptions> = {}): Store => {
    return lab.store(host, { ...overRest(host), ...changed });
  };
  const sftpLocation = (host: string) => {
    return `sftp://${sshd.user}@127.0.0.1:${sshd.port}/${join(lab.directory, 'served', host)}`;
  };
  const request = (stamp = STAMP) => ({ directory: live, stamp, dryRun: false });

  const wholeStory = async (host: string, where: Partial<ResticStoreOptions>) => {
    const store = lab.store(host, where);
    await expect(store.check(never)).rejects.toThrow(/There is no restic repository at/);
    expect(await store.init(never)).toMatchObject({ created: true });
    expect(await store.init(never)).toMatchObject({ created: false });
    await store.check(never);
    const { snapshot = '' } = await store.save(request(), never);
    expect(await store.snapshots(never)).toMatchObject([{ id: snapshot }]);
    const target = mkdtempSync(join(lab.directory, 'target-'));
    await lab.restore(host, snapshot, target, where);
    expect(readTree(target)).toEqual(readTree(live));
  };

  test('rest: a whole story, with the login from the environment', () => wholeStory('web1', overRest('web1')));

  test('sftp: a whole story', () => wholeStory('db1', { repository: sftpLocation('db1') }));

  test('rest: a wrong login is told as that, without the password', async () => {
    const environment = { ...login(), RESTIC_REST_PASSWORD: 'wrong-canary' };
    const failed = restStore('web1', { environment }).check(never);
    await expect(failed).rejects.toThrow(/does not let restic in/);
    await expect(failed).rejects.not.toThrow(/canary/);
    const inLocation = rest.location.replace('://', '://keeper:url-canary@');
    const other = lab.store('web1', { repository: `${inLocation}/web1` }).check(never);
    await expect(other).rejects.toThrow(/keeper:\*\*\*@127.*does not let restic in/);
    await expect(other).rejects.not.toThrow(/canary/);
  });

  test('sftp: a host whose key is not known is refused', async () => {
    const trusting = process.env.PATH;
    writeFileSync(join(lab.directory, 'no-known-hosts'), '');
    process.env.PATH = `${sshBeside(join(lab.directory, 'no-known-hosts'))}:${usualPath}`;
    try {
      const store = lab.store('db1', { repository: sftpLocation('db1') });
      await expect(store.check(never)).rejects.toThrow(/could not reach .*in without a question \(key, known_hosts\)/s);
    } finally {
      process.env.PATH = trusting;
    }
  });

  test('nothing secret is in the arguments', async () => {
    const seen: string[] = [];
    const really = createRun({ scrub: (text) => text });
    const options = lab.options('web1', { repository: `${rest.location}/web1`, environment: async () => login() });
    const run: typeof really = (program, args, settings) => {
      seen.push(...args);
      return really(program, args, settings);
    };
    await createResticStore(options, { run, log: silentLog, now: () => new Date() }).check(never);
    expect(seen).toContain('config');
    expect(seen.join(' ')).not.toMatch(/canary|keeper|127\.0\.0\.1/);
  });

  /** A restic that gives up at the first sign of a lost server; by itself it tries for a quarter of an hour. */
  const impatient = (): string => {
    const program = join(lab.directory, 'impatient');
    const words = join(lab.directory, 'words');
    const lines = [
      `[ "$1" = backup ] || exec ${lab.program} "$@"`,
      `${lab.program} "$@" 2>${words} & restic=$!`,
      `until grep -q 'connection refused' ${words} || ! kill -0 $restic; do sleep 0.1; done`,
      `kill -KILL $restic; cat ${words} >&2; exit 1`,
    ];
    writeFileSync(program, `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 });
    return program;
  };

  test('a server that is lost while a backup is stored is told as that; the next run works', async () => {
    const slow = { program: impatient(), backupOptions: ['--limit-upload=1000', '--pack-size=4'] };
    writeFileSync(join(live, 'noise'), randomBytes(20_000_000));
    const before = packs(lab).length;
    const saving = restStore('web1', slow).save(request('20260102_010000'), never);
    const failed = expect(saving).rejects.toThrow(/^restic backup could not reach or read the repository/);
    await until('a pack has arrived', () => packs(lab).length > before);
    await rest.stop();
    await failed;
    const down = restStore('web1').check(never);
    await expect(down).rejects.toThrow(/could not reach or read .*ECONNREFUSED/s);
    await rest.start();
    // The lock that the killed restic has left does not hold up a backup.
    expect(await restStore('web1').save(request('20260102_010000'), never)).toMatchObject({ unreadable: [] });
    expect(await restStore('web1').snapshots(never)).toHaveLength(2);
  });
});

function packs(lab: ResticLab): readonly string[] {
  const data = join(lab.directory, 'served/web1/data');
  return readdirSync(data).flatMap((name) => readdirSync(join(data, name)));
}
