// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin } from '../../plugin.ts';
import { type DockerOptions, options, settingsOf } from './options.ts';
import { restore } from './restore.ts';
import { saveProject } from './save.ts';
import { startProject } from './start.ts';
import { stopProject } from './stop.ts';
import { parseStopped } from './stopped.ts';
import { validateProject } from './validate.ts';
import { verifyProject } from './verify.ts';

/** Stops a compose project around the other tasks of the service, and saves its files, images and volumes. */
export const docker = definePlugin<DockerOptions>({
  name: 'docker',
  summary: 'Stops a compose project while it is read, and saves its files, the digests of its images, and its volumes.',
  options,
  // Before the plugins that read what the containers write; their `post` comes first.
  order: 10,

  describe(task) {
    const { files, pinImages } = settingsOf(task);
    const parts = [
      ...(task.backup_config ? ['its files'] : []),
      ...(pinImages ? ['digests'] : []),
      ...(task.volumes ? ['volumes'] : []),
    ];
    return `project ${files.join(', ')}: ${parts.length === 0 ? 'nothing, only stopped' : parts.join(', ')}`;
  },

  validate: validateProject,
  prepare: stopProject,
  run: saveProject,

  async post(context) {
    const memo = context.remembered();
    if (memo !== undefined) await startProject(parseStopped(memo), context);
  },

  verify: verifyProject,
  restore,
});
