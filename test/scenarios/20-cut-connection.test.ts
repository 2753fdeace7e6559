// SPDX-License-Identifier: AGPL-3.0-or-later
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';
import {
  addData,
  addHost,
  expectRestored,
  failureOf,
  isRunningWith,
  makeNewArchive,
  namesIn,
  newestHost,
  noise,
} from '../helpers/faults.ts';
import { publishHarmless } from '../helpers/hostile-spool.ts';
import { createSystemLab, expectCode, type SystemLab, until } from '../helpers/system-lab.ts';
import { startTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts';

const BYTES = 6_000_000;
/**
 * What logging in, listing and asking take, and what was on its way when the link was cut: on a busy machine a good part
 * of what had been asked for. Without going on where it was, the cut would cost all of the first 3,000,000 bytes.
 */
const OVERHEAD = 2_500_000;

/** Answers to keepalives wait behind the data, so keepalive has to be patient for the rate to be what is noticed. */
const DRIPPING = [
  'bandwidth_limit: 3MiB',
  'minimum_rate: 100KiB',
  'keepalive_interval: 30s',
  'keepalive_count_max: 10',
];

interface Line {
  readonly lab: SystemLab;
  readonly proxy: TcpProxy;
  readonly archive: string;
}

/** A client with a new archive, and a line to it that can be bad. */
async function withLine(host: readonly string[], work: (line: Line) => Promise<void>): Promise<void> {
  const lab = await createSystemLab();
  const proxy = await startTcpProxy(lab.sshd.port);
  try {
    lab.configure({ port: proxy.port, host, global: ['retry_failed_hosts: 0'] });
    addData(lab, { 'noise.bin': noise(BYTES, 'line') });
    await lab.init();
    const archive = await makeNewArchive(lab);
    await work({ lab, proxy, archive });
  } finally {
    await proxy.stop();
    await lab.remove();
  }
}

/** Resolves when so many bytes of the archive have come. */
function fetched(lab: SystemLab, bytes: number): Promise<void> {
  const directory = lab.at('temp', 'lab1');
  return until(`${bytes} bytes have been fetched`, () =>
    namesIn(directory).some((name) => {
      const isArchive = /\.tar\.gz\.[0-9a-f]{16}\.partial$/.test(name);
      return isArchive && (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0) >= bytes;
    }),
  );
}

describe.concurrent('a line that is bad', () => {
  it('is cut in the middle of a fetch: the run goes on where it was, and only says that it happened', ({ expect }) =>
    withLine([], async ({ lab, proxy, archive }) => {
      proxy.cutAfter(3_000_000);
      const before = proxy.delivered();
      await expectCode(0, lab.server('backup'));
      expect(proxy.delivered() - before).toBeGreaterThan(BYTES);
      expect(proxy.delivered() - before).toBeLessThan(BYTES + OVERHEAD);
      expect(newestHost(lab)).toMatchObject({ status: 'warning', archive, snapshot: expect.any(String) });
      expect(JSON.stringify(newestHost(lab).steps)).toMatch(
        /The connection was lost while fetching lab1-\S+, and made again/,
      );
      await expectRestored(lab);
    }));

  it('is cut for good: that host fails, another one is stored, and the next run goes on where it was', ({ expect }) =>
    withLine(['bandwidth_limit: 2MiB'], async ({ lab, proxy, archive }) => {
      const spool = addHost(lab, 'lab2', [`known_hosts_file: [${lab.sshd.knownHostsFile}]`]);
      await lab.server('init', 'lab2');
      await publishHarmless({ spool, hostname: 'lab2', stamp: '20261101_030000' });
      const run = lab.startServer('backup');
      await fetched(lab, 3_000_000);
      const knife = setInterval(() => proxy.cut(), 20);
      await expectCode(1, run.ended);
      clearInterval(knife);
      expect(failureOf(lab)).toMatch(/Cannot fetch all \d+ bytes of lab1-\S+ in 4 attempts; what came is kept/);
      expect(newestHost(lab, 'lab2').status).toBe('success');
      expect(lab.archives()).toEqual([archive]);
      const before = proxy.delivered();
      await expectCode(0, lab.server('backup', 'lab1'));
      expect(proxy.delivered() - before).toBeLessThan(BYTES - 3_000_000 + OVERHEAD);
      expect(namesIn(lab.at('temp'))).toEqual([]);
      await expectRestored(lab);
    }));

  it('falls silent: that is noticed by keepalive, and the fetch goes on when it is back', ({ expect }) =>
    withLine(['bandwidth_limit: 3MiB', 'keepalive_interval: 1s', 'keepalive_count_max: 2'], async ({ lab, proxy }) => {
      const run = lab.startServer('backup');
      await fetched(lab, 2_000_000);
      proxy.freeze();
      const frozen = performance.now();
      await sleep(6_000);
      proxy.thaw();
      await expectCode(0, run.ended);
      expect(performance.now() - frozen).toBeLessThan(60_000);
      expect(JSON.stringify(newestHost(lab).steps)).toMatch(
        /was lost while fetching .*it no longer answers keepalives/,
      );
      await expectRestored(lab);
    }));

  it('drips: slower than minimum_rate for a minute counts as lost, and the fetch goes on when it is better', ({
    expect,
  }) =>
    withLine(DRIPPING, async ({ lab, proxy }) => {
      const run = lab.startServer('backup');
      await fetched(lab, 2_000_000);
      proxy.drip(2_000);
      const began = performance.now();
      await sleep(62_000);
      proxy.thaw();
      await expectCode(0, run.ended);
      expect(performance.now() - began).toBeLessThan(120_000);
      expect(JSON.stringify(newestHost(lab).steps)).toMatch(/stalled: less than 102400 bytes per second over \d+ s/);
      await expectRestored(lab);
    }));

  it('sshd ends while restic is at work: the archive is confirmed over a new connection', ({ expect }) =>
    withLine([], async ({ lab, archive }) => {
      const run = lab.startServer('backup');
      await until('restic saves', () => isSaving(lab));
      lab.sshd.killSessions();
      await expectCode(0, run.ended);
      expect(newestHost(lab)).toMatchObject({ archive, snapshot: expect.any(String) });
      expect(lab.archives()).toEqual([]);
      expect(lab.archives(join(lab.spool, 'done'))).toEqual([archive]);
      await expectRestored(lab);
    }));
});

/** Several labs are at work at the same time: the lock tells that it is the restic of this one. */
function isSaving(lab: SystemLab): boolean {
  const isLocked = namesIn(join(lab.repository, 'locks')).length > 0;
  return isLocked && namesIn(lab.live).includes('web') && isRunningWith('restic backup --json --host lab1');
}
