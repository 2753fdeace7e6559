// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type Proposal, serviceNameOf, withDistinctNames } from './proposal.ts';
import { chooseNamed, type ExistingService, settle, splitKnown } from './select.ts';
import { covers, subjectsOf } from './subjects.ts';

const proposalOf = (service: string, key: string, options: Record<string, unknown>): Proposal => {
  const [type = '', name = ''] = service.split('/');
  return { type, name, why: '', saves: '', decide: [], bytes: 1, tasks: [{ key, options }] };
};

const existingOf = (service: string, key: string, options: unknown, isPartial = false): ExistingService => {
  return { service, directory: service, file: `/e/${service}`, subjects: subjectsOf(key, options), isPartial };
};

describe('subjectsOf', () => {
  it.each([
    ['files', { paths: ['/etc/', { path: '/srv', exclude: [] }, 7] }, ['path:/etc', 'path:/srv']],
    ['docker', { docker_compose_path: ['/a/c.yml', '/a/d.yml'] }, ['compose:/a/c.yml']],
    ['postgresql', { database: 'all' }, ['postgresql:local:5432']],
    ['postgresql', { database: 'x', hostname: '/run/postgresql', port: 5433 }, ['postgresql:local:5433']],
    ['postgresql', { database: 'x', host: 'db.example.org' }, ['postgresql:db.example.org:5432']],
    ['mysql', { container: 'shop-db-1' }, ['mysql:container:shop-db-1']],
    ['mariadb', { host: 'localhost' }, ['mysql:local:3306']],
    ['valkey', { socket: '/run/v.sock' }, ['redis:local:/run/v.sock']],
    ['system', null, ['system']],
    ['files', 'nonsense', []],
    ['unknown', {}, []],
  ])('%s %j', (key, options, subjects) => {
    expect(subjectsOf(key, options)).toEqual(subjects);
  });
});

describe('covers', () => {
  it.each([
    ['path:/srv', 'path:/srv/shop', true],
    ['path:/', 'path:/srv', true],
    ['path:/srv', 'path:/srv2', false],
    ['path:/srv/shop', 'path:/srv', false],
    // A database that is saved as a file while it is written to is not saved.
    ['path:/var/lib', 'sqlite:/var/lib/grafana/grafana.db', false],
    ['sqlite:/var/lib/*/*.db', 'sqlite:/var/lib/grafana/grafana.db', true],
  ])('%s %s: %s', (saved, subject, expected) => {
    expect(covers(saved, subject)).toBe(expected);
  });
});

describe('splitKnown', () => {
  it('leaves out what a service saves, and keeps the rest of a proposal', () => {
    const mail = proposalOf('mail/mail', 'files', { paths: ['/var/mail', '/var/vmail'] });
    const { fresh, already } = splitKnown([mail], [existingOf('other/spool', 'files', { paths: ['/var/mail'] })]);
    expect(fresh).toEqual([{ ...mail, tasks: [{ key: 'files', options: { paths: ['/var/vmail'] } }] }]);
    expect(already).toEqual([{ service: 'other/spool', file: '/e/other/spool', isPartial: false, what: '/var/mail' }]);
  });

  it('tells when a service names single databases only', () => {
    const all = proposalOf('databases/postgresql', 'postgresql', { database: 'all' });
    const { fresh, already } = splitKnown([all], [existingOf('db/shop', 'postgresql', { database: 'shop' }, true)]);
    expect(fresh).toEqual([]);
    expect(already).toMatchObject([{ what: 'postgresql on this host, 5432', isPartial: true }]);
  });

  it('does not stop a unit for nothing', () => {
    const unit: Proposal = {
      ...proposalOf('services/shop', 'systemd', { units: ['shop.service'] }),
      tasks: [
        { key: 'systemd', options: { units: ['shop.service'] } },
        { key: 'files', options: { paths: ['/srv/shop'] } },
      ],
    };
    expect(splitKnown([unit], [existingOf('files/srv', 'files', { paths: ['/srv'] })]).fresh).toEqual([]);
  });

  it('gives another name where the name is taken by something else', () => {
    const etc = proposalOf('system/etc', 'files', { paths: ['/etc'] });
    const { fresh } = splitKnown([etc], [existingOf('system/etc', 'files', { paths: ['/etc/hosts'] })]);
    expect(fresh.map(({ name }) => name)).toEqual(['etc-2']);
  });
});

describe('settle', () => {
  const whole = proposalOf('docker/shop', 'docker', { compose_file: '/a' });
  const database = proposalOf('databases/shop-db', 'postgresql', { container: 'shop-db-1' });
  const project: Proposal = {
    ...whole,
    tasks: [{ key: 'docker', options: { compose_file: '/a', exclude_volumes: ['db'] } }],
    otherwise: { unlessSaved: ['postgresql:container:shop-db-1'], instead: whole },
  };

  it('leaves a database out of its project only where something else saves it', () => {
    expect(settle([project, database], [])).toEqual([project, database]);
    expect(settle([project], [])).toEqual([whole]);
    expect(settle([project], [existingOf('db/x', 'postgresql', { container: 'shop-db-1' })])).toEqual([project]);
  });
});

describe('names', () => {
  it.each([
    ['My Shop', 'My-Shop'],
    ['--rf', 'rf'],
    ['../../etc/passwd', 'etc-passwd'],
    ['a\n"b', 'a-b'],
    ['日本', 'service'],
    ['', 'service'],
    ['x'.repeat(200), 'x'.repeat(90)],
  ])('%j becomes %j', (text, name) => {
    expect(serviceNameOf(text)).toBe(name);
  });

  it('are distinct, those of the other form as well', () => {
    const one = proposalOf('a/x', 'files', {});
    const two = { ...one, otherwise: { unlessSaved: ['y'], instead: one } };
    const [, second, third] = withDistinctNames([one, two, one], ['a/x-3']);
    expect([second?.name, second?.otherwise?.instead.name, third?.name]).toEqual(['x-2', 'x-2', 'x-4']);
  });

  it('are found by --service', () => {
    const one = proposalOf('a/x', 'files', {});
    expect(chooseNamed([one], ['a/x', 'y'])).toEqual({ chosen: [one], unknown: ['y'] });
  });
});
