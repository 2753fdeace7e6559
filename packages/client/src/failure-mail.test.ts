// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, InterruptedError } from '@local-backup/common/errors';
import type { ManifestService, ManifestTask } from '@local-backup/common/manifest';
import { describe, expect, it } from 'vitest';
import { type ClientFailure, renderFailureMail } from './failure-mail.ts';

const failure: ClientFailure = {
  hostname: 'web1',
  subjectPrefix: '[Backup Error]',
  time: new Date('2026-11-21T03:00:00Z'),
  error: undefined,
  services: [],
  stuck: [],
  published: undefined,
  logFile: '/var/lib/backup-client/logs/x.log',
  log: '2026-11-21 03:00:00 - INFO: hello',
};

describe('renderFailureMail', () => {
  it('names the exit code of what ended the run', () => {
    const subject = (error: unknown) => renderFailureMail({ ...failure, error }).subject;
    expect(subject(new BackupError('failed', 'x'))).toBe('[Backup Error] web1 - Backup FAILED (Code: 1)');
    expect(subject(new InterruptedError('SIGTERM'))).toBe('[Backup Error] web1 - Backup FAILED (Code: 143)');
    expect(subject(undefined)).toBe('[Backup Error] web1 - Backup FAILED (Code: 1)');
  });

  it('has a subject of its own for the spool lock', () => {
    const { subject } = renderFailureMail({ ...failure, error: new BackupError('spool-locked', 'held') });
    expect(subject).toBe('[Backup Error] web1 - SHARED LOCK FAILED (TAR Creation)');
  });

  it('lists the services that failed, their messages escaped', () => {
    const task: ManifestTask = {
      plugin: 'files',
      status: 'failed',
      messages: ['run: bad\u001b[31m'],
      seconds: 1,
      facts: {},
    };
    const sums = { started: '2026-11-21T03:00:00Z', seconds: 1, secondsStopped: 0, bytes: 0, files: 0 };
    const service: ManifestService = {
      name: 'shop',
      type: 'docker',
      status: 'failed',
      messages: [],
      ...sums,
      tasks: [task],
    };
    const { text } = renderFailureMail({ ...failure, services: [service] });
    expect(text).toContain('Services that failed (1):\n  docker/shop\n    files: run: bad\\x1b[31m\n');
    expect(text).toContain('--- log of the run ---\n2026-11-21 03:00:00 - INFO: hello\n');
  });

  it('leaves backslashes alone', () => {
    const { text } = renderFailureMail({ ...failure, error: new BackupError('failed', 'C:\\dir\\x\u001b') });
    expect(text).toContain('What ended the run:\n  C:\\dir\\x\\x1b\n');
  });

  it('says that the log was cut', () => {
    expect(renderFailureMail({ ...failure, logIsCut: true }).text).toContain(
      'Log: /var/lib/backup-client/logs/x.log\n\n--- end of the log of the run; the whole is in the file above ---\n',
    );
  });

  it('tells what could not be put back', () => {
    const { text } = renderFailureMail({ ...failure, stuck: ['what docker did to web/shop: no such container'] });
    expect(text).toContain('put it back by hand:\n  what docker did to web/shop: no such container\n');
  });
});
