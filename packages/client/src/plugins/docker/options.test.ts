// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { options, settingsOf } from './options.ts';

const complaints = (value: object) =>
  (options.safeParse(value).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('both spellings of the original', () => {
  it.each([
    { compose_file: '/a/c.yml', stop_wait_seconds: 15, backup_config: true, pin_images: true },
    { docker_compose_path: '/a/c.yml', wait_after_restart: 30, pin_images_to_digest: true },
    { compose_file: '/a/c.yml', docker_compose_path: '/a/c.yml', pin_images: true },
  ])('%j', (value) => {
    const settings = settingsOf(options.parse(value));
    expect(settings).toMatchObject({ files: ['/a/c.yml'], directory: '/a', isDirectoryGiven: false, pinImages: true });
  });

  it('with different values are a complaint about the second', () => {
    const value = {
      ...{ compose_file: '/a', docker_compose_path: '/b', pin_images: true, pin_images_to_digest: false },
    };
    expect(complaints(value)).toEqual([
      expect.stringContaining('docker_compose_path: must not differ from `compose_file`'),
      expect.stringContaining('pin_images_to_digest: must not differ from `pin_images`'),
    ]);
  });

  it('one of them must be there', () => {
    expect(complaints({})).toEqual([expect.stringContaining('compose_file: must be set (or `docker_compose_path`')]);
  });
});

it.each([
  [{ wait_after_restart: 1.5 }, 'wait_after_restart: '],
  [{ stop_wait_seconds: '15' }, 'stop_wait_seconds: '],
  [{ stop_services: ['-rf'] }, 'stop_services.0: must be the name of a service'],
  [{ stop_services: ['web'], stop_mode: 'down' }, 'stop_services: must be true or false'],
  [{ project_name: 'Shop!' }, 'project_name: must be a project name'],
  [{ profiles: ['--all'] }, 'profiles.0: must be'],
])('%j is refused', (value, complaint) => {
  expect(complaints({ compose_file: '/a/c.yml', ...value }).join()).toContain(complaint);
});

it('a directory of the project that is not that of the file is told to compose', () => {
  const value = options.parse({ compose_file: ['/a/c.yml', '/b/d.yml'], project_directory: '/p' });
  expect(settingsOf(value)).toMatchObject({ directory: '/p', isDirectoryGiven: true, files: ['/a/c.yml', '/b/d.yml'] });
});
