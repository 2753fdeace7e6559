// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRun, type Run } from '@local-backup/common/exec';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CopyStore } from '../../packages/server/src/stores/copy.ts';
import { createResticCopy, type ResticCopyOptions } from '../../packages/server/src/stores/restic/copy.ts';
import type { ResticStoreOptions } from '../../packages/server/src/stores/restic/index.ts';
import { readTree } from '../helpers/file-tree.ts';
import { type RestServer, startRestServer } from '../helpers/rest-server.ts';
import { createResticLab, type ResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { until } from '../helpers/system-lab.ts';

const never = new AbortController().signal;
const really = createRun({ scrub: (text) => text });

describe.each(RESTIC_SERIES)('copies with restic %s', (series) => {
  let lab: ResticLab;
  let rest: RestServer;
  let live: string;
  beforeAll(async () => {
    lab = await createResticLab(series);
    mkdirSync(join(lab.directory, 'served'));
    rest = await startRestServer(join(lab.directory, 'served'));
    live = join(lab.directory, 'live');
    mkdirSync(live);
    writeFileSync(join(live, 'noise'), randomBytes(3_000_000));
    await lab.store('web1').init(never);
    for (const day of [1, 2, 3]) await save(day);
  });
  afterAll(async () => {
    await rest.stop();
    lab.remove();
  });

  const save = async (day: number) => {
    writeFileSync(join(live, 'day'), `day ${day}\n`);
    return lab.store('web1').save({ directory: live, stamp: `2026010${day}_010000`, dryRun: false }, never);
  };
  const login = () => ({ RESTIC_REST_USERNAME: rest.user, RESTIC_REST_PASSWORD: rest.password });
  const optionsOf = (name: string, changed: Partial<ResticCopyOptions> = {}): ResticCopyOptions => {
    const password = join(lab.directory, `password-of-${name}`);
    if (!existsSync(password)) writeFileSync(password, `copy-canary ${name}\n`, { mode: 0o600 });
    return {
      ...lab.options('web1', { repository: `${rest.location}/${name}`, environment: async () => login() }),
      ...{ password: { file: password }, pinFile: join(lab.directory, 'state', `web1@${name}.json`) },
      ...{ copyOf: lab.options('web1'), hasOwnPolicy: false, copyMs: 100_000 },
      ...changed,
    };
  };
  const copy = (name: string, changed: Partial<ResticCopyOptions> = {}, run: Run = really): CopyStore =>
    createResticCopy(optionsOf(name, changed), { run, log: silentLog, now: () => new Date() });
  const stampsIn = async ({ store }: CopyStore) => (await store.snapshots(never)).map(({ tags }) => tags[1] ?? tags[0]);
  const first = () => lab.store('web1').snapshots(never);

  test('a copy that was not initialised is refused and not created on the way', async () => {
    await expect(copy('early').bring(never)).rejects.toThrow(/There is no restic repository at .*\/early/);
    expect(readdirSync(join(lab.directory, 'served'))).not.toContain('early');
  });

  test('an empty password file of the first repository is noticed before restic reads its standard input', async () => {
    const file = join(lab.directory, 'empty');
    writeFileSync(file, '', { mode: 0o600 });
    const copyOf = lab.options('web1', { password: { file } });
    await expect(copy('early', { copyOf }).store.init(never)).rejects.toThrow(/empty is empty/);
    expect(readdirSync(join(lab.directory, 'served'))).not.toContain('early');
  });

  test('the first repository by another name is no copy of it', async () => {
    const repository = join(lab.directory, 'by-another-name');
    symlinkSync(lab.repositoryOf('web1'), repository);
    const own = { repository, password: lab.options('web1').password, environment: {} };
    await expect(copy('self', own).store.init(never)).rejects.toThrow(/by-another-name .* is that of web1\.repository/);
    expect(existsSync(optionsOf('self').pinFile)).toBe(false);
    await expect(copy('self', own).bring(never)).rejects.toThrow(/never confirmed/);
  });

  test('init takes over the chunker parameters; bring copies what is missing, with time and tags, once', async () => {
    const { run, seen } = recording();
    const offsite = copy('offsite', {}, run);
    expect(await offsite.store.init(never)).toMatchObject({ created: true });
    expect(await polynomialOf({ ...optionsOf('offsite'), repository: withLogin('offsite') })).toBe(
      await polynomialOf(lab.options('web1')),
    );
    const here = await first();
    expect(await offsite.bring(never)).toEqual({ copied: 3, newest: here.at(-1)?.time });
    expect((await offsite.store.snapshots(never)).map(({ time, tags }) => ({ time, tags }))).toEqual(
      here.map(({ time, tags }) => ({ time, tags })),
    );
    expect(await offsite.bring(never)).toMatchObject({ copied: 0 });
    expect(seen).toContain('copy');
    expect(seen.join(' ')).not.toMatch(/canary|keeper|127\.0\.0\.1|repositories/);
  });

  test('a new snapshot is copied alone, and can be restored from the copy', async () => {
    await save(4);
    const { store, bring } = copy('offsite');
    expect(await bring(never)).toMatchObject({ copied: 1 });
    const target = mkdtempSync(join(lab.directory, 'target-'));
    await lab.restore('web1', (await store.snapshots(never)).at(-1)?.id ?? '', target, optionsOf('offsite'));
    expect(readTree(target)).toEqual(readTree(live));
  });

  test('what was forgotten in the copy comes back, but not where it forgets by a policy of its own', async () => {
    const [oldest] = await copy('offsite').store.snapshots(never);
    await resticAt({ ...optionsOf('offsite'), repository: withLogin('offsite') }, ['forget', oldest?.id ?? '']);
    expect(await copy('offsite', { hasOwnPolicy: true }).bring(never)).toMatchObject({ copied: 0 });
    expect(await copy('offsite').bring(never)).toMatchObject({ copied: 1 });
  });

  test('another repository in its place is refused', async () => {
    const { pinFile } = optionsOf('offsite');
    const pin = readFileSync(pinFile, 'utf8');
    writeFileSync(pinFile, pin.replace(/"id": "\w{8}/, '"id": "01234567'));
    await expect(copy('offsite').bring(never)).rejects.toThrow(/not the one that was initialised for web1/);
    writeFileSync(pinFile, pin);
  });

  test('killed in the middle it leaves the oldest ones, and the next time brings the rest, none twice', async () => {
    const interrupted = copy('killed');
    await interrupted.store.init(never);
    for (const day of [5, 6]) {
      writeFileSync(join(live, 'noise'), randomBytes(6_000_000));
      await save(day);
    }
    const stop = new AbortController();
    const slow: Run = (program, args, settings) => {
      const words = args[0] === 'copy' ? [...args, '--limit-upload=1500', '--pack-size=4'] : args;
      return really(program, words, { ...settings, endSignal: 'SIGINT', killAfterMs: 0 });
    };
    const copying = copy('killed', {}, slow).bring(stop.signal);
    const ended = expect(copying).rejects.toThrow(/stopped by the test/);
    const arrived = () => readdirSync(join(lab.directory, 'served/killed/snapshots')).length;
    await until('two snapshots have arrived', () => arrived() >= 2);
    stop.abort(new Error('stopped by the test'));
    await ended;
    const all = (await first()).map(({ tags }) => tags[1]);
    const some = await stampsIn(interrupted);
    expect(some).toEqual(all.slice(0, some.length));
    expect(some.length).toBeLessThan(all.length);
    expect(await interrupted.bring(never)).toMatchObject({ copied: all.length - some.length });
    expect(await stampsIn(interrupted)).toEqual(all);
  });

  const recording = () => {
    const seen: string[] = [];
    const run: Run = (program, args, settings) => {
      seen.push(...args);
      return really(program, args, settings);
    };
    return { run, seen };
  };
  const withLogin = (name: string) => {
    const { user, password } = rest;
    return `${rest.location.replace('://', `://${user}:${encodeURIComponent(password)}@`)}/${name}`;
  };

  async function resticAt({ program, repository, password }: ResticStoreOptions, args: readonly string[]) {
    const env = {
      RESTIC_REPOSITORY: repository,
      RESTIC_PASSWORD: 'file' in password ? readFileSync(password.file, 'utf8').trim() : '',
    };
    return (await really(program, ['--no-cache', ...args], { env, timeoutMs: 60_000 })).stdout;
  }

  async function polynomialOf(options: ResticStoreOptions): Promise<unknown> {
    const out = await resticAt(options, ['cat', 'config']);
    return JSON.parse(out.slice(out.search(/^\{/m))).chunker_polynomial;
  }
});
