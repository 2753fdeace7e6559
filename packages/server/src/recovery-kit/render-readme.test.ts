// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type KitFacts, type KitRepository, renderReadme } from './render-readme.ts';

const repository: KitRepository = {
  host: 'web1.example.org',
  copy: undefined,
  location: '/srv/restic/web1.example.org',
  hasCredentials: false,
  id: 'ab12'.repeat(16),
  passwordFrom: '/etc/backup/restic.pass',
  hasPassword: true,
  hasEnvironment: false,
  needsFiles: false,
};

function readme(changed: Partial<KitRepository> = {}, facts: Partial<KitFacts> = {}): string {
  const kit: KitFacts = {
    server: 'vault.example.org',
    written: '2026-11-21T14:00:00.000Z',
    program: 'backup-server 0.1.0',
    restic: 'restic 0.14.0',
    configFile: '/etc/backup/server_config.yml',
    isUsualConfigFile: true,
    localTempBaseDir: '/var/tmp/work',
    repositories: [{ ...repository, ...changed }],
    problems: [],
    ...facts,
  };
  return renderReadme(kit, ['/etc/backup/server_config.yml']);
}

const commands = (text: string) => text.split('\n').filter((line) => line.startsWith('    '));

describe('README.txt of a recovery kit', () => {
  it('has commands that can be pasted, for the host and for the server', () => {
    expect(commands(readme())).toEqual([
      '    KIT=/root/recovery-kit',
      '    TARGET=/var/tmp/restored',
      '    export RESTIC_REPOSITORY=/srv/restic/web1.example.org',
      '    export RESTIC_PASSWORD_FILE="$KIT"/passwords/web1.example.org',
      '    restic snapshots --host web1.example.org',
      '    install -d -m 0700 "$TARGET" "$TARGET"/web1.example.org',
      '    restic restore latest --host web1.example.org --target "$TARGET"/web1.example.org',
      '    tar -C "$KIT"/files -cf - . | tar -C / -xpf - --no-overwrite-dir --backup=numbered',
      '    install -d -m 0700 /var/tmp/work',
      '    backup-server check',
      '    backup-server restore web1.example.org --to "$TARGET"/web1.example.org-by-server',
    ]);
  });

  it('quotes what a shell would take apart', () => {
    expect(readme({ location: `/srv/it's here; rm -rf $HOME/web1` })).toContain(
      `    export RESTIC_REPOSITORY='/srv/it'\\''s here; rm -rf $HOME/web1'\n`,
    );
    const elsewhere = { configFile: '/root/my config.yml', isUsualConfigFile: false };
    expect(readme({}, elsewhere)).toContain(`    backup-server -c '/root/my config.yml' check\n`);
  });

  it('takes what a remote repository needs out of its own file, the location too where that has credentials', () => {
    const text = readme({ location: 'rest:https://me:***@nas/web1', hasCredentials: true, hasEnvironment: true });
    expect(text).not.toContain('export RESTIC_REPOSITORY');
    expect(text).toContain('    . "$KIT"/environment/web1.example.org.sh\n');
    expect(text).not.toContain('put those of section 3 back first');
    expect(readme({ location: 'gs:bucket:/web1', needsFiles: true })).toContain('put those of section 3 back first');
  });

  it('tells a copy from the first repository, which the server restores from', () => {
    const copy = { ...repository, copy: 'offsite', location: 'sftp:nas:/srv/web1' };
    const text = readme({}, { repositories: [repository, copy] });
    expect(text).toContain('== web1.example.org, copy offsite\n');
    expect(text).toContain('restic calls ssh: put the files of section 3 back first.');
    expect(text).toContain('    export RESTIC_PASSWORD_FILE="$KIT"/passwords/web1.example.org@offsite\n');
    expect(text.match(/-by-server/g)).toHaveLength(1);
  });

  it('says at the top what is missing, and what to do about a password that came from a command', () => {
    const problems = ['web1: its password could not be had'];
    const text = readme({ hasPassword: false, passwordFrom: 'the password command' }, { problems });
    expect(text.split('\n').slice(0, 10).join('\n')).toContain('MISSING in this kit when it was written:\n- web1: its');
    expect(text).toContain('password in passwords/web1.example.org IS MISSING');
    expect(text).toContain('The password came from a command');
  });
});
