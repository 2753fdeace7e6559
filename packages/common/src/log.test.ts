// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BackupError } from './errors.ts';
import { createLog, type Log, type LogFields, type LogSettings } from './log.ts';
import { createScrubber } from './redact.ts';

function collector() {
  const lines: string[] = [];
  return { write: (text: string) => lines.push(text), text: () => lines.join('') };
}

function logTo(settings: Partial<LogSettings> = {}) {
  const stdout = collector();
  const stderr = collector();
  const runLog = collector();
  const now = () => new Date(2026, 10, 21, 3, 4, 5);
  const scrub = (text: string) => text;
  const log = createLog({ level: 2, format: 'terminal', scrub, stdout, stderr, runLog, now, ...settings });
  return { log, stdout, stderr, runLog };
}

function sayAll(log: Log): void {
  log.error('e');
  log.warn('w');
  log.info('i');
  log.debug('d');
}

describe('createLog', () => {
  it.each([
    [0, '', 'ERROR: e'],
    [1, '', 'ERROR: e,WARN: w'],
    [2, 'INFO: i', 'ERROR: e,WARN: w'],
    [3, 'INFO: i,DEBUG: d', 'ERROR: e,WARN: w'],
  ] as const)('shows at level %i what belongs there, on the right stream', (level, out, err) => {
    const { log, stdout, stderr } = logTo({ level });
    sayAll(log);
    const dated = (list: string) =>
      list
        .split(',')
        .filter(Boolean)
        .map((line) => `2026-11-21 03:04:05 - ${line}\n`)
        .join('');
    expect(stdout.text()).toBe(dated(out));
    expect(stderr.text()).toBe(dated(err));
  });

  it('gives the run log all lines at any level, debugging only at level 3', () => {
    const quiet = logTo({ level: 0, format: 'json' });
    sayAll(quiet.log);
    expect(quiet.runLog.text()).toMatch(/^.* - ERROR: e\n.* - WARN: w\n.* - INFO: i\n$/);
    const verbose = logTo({ level: 3 });
    sayAll(verbose.log);
    expect(verbose.runLog.text()).toContain('DEBUG: d');
  });

  it('writes the fields of a child and of the line, the latter first in rank', () => {
    const { log, stdout } = logTo();
    log.child({ host: 'web1', step: 'fetch' }).child({ step: 'store' }).info('Stored', { bytes: 0, path: 'a b' });
    expect(stdout.text()).toBe('2026-11-21 03:04:05 - INFO: Stored host=web1 step=store path="a b" bytes=0\n');
  });

  it('writes one JSON object per event', () => {
    const { log, stderr } = logTo({ format: 'json' });
    log.error('Host failed', { host: 'web1', error: new BackupError('failed', 'no space') });
    expect(JSON.parse(stderr.text())).toEqual({
      level: 'error',
      time: new Date(2026, 10, 21, 3, 4, 5).toISOString(),
      host: 'web1',
      error: { type: 'BackupError', code: 'failed', message: 'no space' },
      msg: 'Host failed',
    });
  });

  it('does not read placeholders in messages', () => {
    const { log, stdout } = logTo();
    log.info('100%s %d %o', { host: 'h' });
    expect(stdout.text()).toContain('INFO: 100%s %d %o host=h\n');
  });

  it.each(['terminal', 'journal', 'json'] as const)('lets no secret through as %s', (format) => {
    const { scrub, add } = createScrubber();
    add('known-canary');
    const { log, stdout, stderr, runLog } = logTo({ level: 3, format, scrub });
    const cause = Object.assign(new Error('inner known-canary'), { env: { PASSWORD: 'property-canary' } });
    const error = Object.assign(new Error('outer known-canary', { cause }), { options: { auth: 'property-canary' } });
    error.stack = `Error: known-canary\n    at known-canary`;
    log.error('message known-canary', { host: 'known-canary', error });
    log.warn('wrapped', { error: new BackupError('failed', 'x', { cause: error }) });
    log.warn('address', { path: 'sftp://user:url-canary@host/' });
    log.warn('thrown', { error: { password: 'property-canary' } });
    log.info('more fields', { password: 'property-canary', env: { A: 'property-canary' } } as LogFields);
    log.child({ secret: 'property-canary' } as LogFields).debug('child');
    const everything = stdout.text() + stderr.text() + runLog.text();
    expect(everything).toContain('outer ***');
    expect(everything).not.toContain('canary');
  });

  it('goes on when nobody reads any more', () => {
    const listeners: string[] = [];
    const broken = { write: () => false, on: (event: string) => listeners.push(event) };
    logTo({ stdout: broken, stderr: { ...broken } });
    // A program has several logs, and two streams.
    logTo({ stdout: broken });
    expect(listeners).toEqual(['error', 'error']);
  });

  it('starts no worker threads', () => {
    const before = readdirSync('/proc/self/task').length;
    sayAll(logTo().log);
    expect(readdirSync('/proc/self/task').length).toBe(before);
  });
});
