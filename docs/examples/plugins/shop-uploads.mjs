#!/usr/bin/env node
/**
 * A plugin in JavaScript: has the uploads of a shop read in place, without a copy, while the shop takes no orders.
 *
 *     shop-uploads:
 *       directory: /srv/shop
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';

/** @param {Record<string, unknown>} told one answer is one line */
const answer = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);
const { BACKUP_COPY = '', BACKUP_KEPT = '', BACKUP_STATE = '' } = process.env;
const stage = process.argv[2] ?? '';

/** @param {string} directory */
const stagesIn = (directory) => ({
  validate() {
    if (!existsSync(join(directory, 'uploads'))) throw new Error(`There is no ${directory}/uploads.`);
  },

  prepare() {
    if (existsSync(join(directory, 'closed'))) return;
    // Remember first, act afterwards.
    writeFileSync(BACKUP_STATE, 'closed by us');
    writeFileSync(join(directory, 'closed'), '');
  },

  run() {
    // Read straight into the archive, below `shop-uploads-data`.
    answer({ tree: { root: directory, paths: ['uploads'], exclude: ['*.part'] } });
    answer({ fact: { uploads: String(readdirSync(join(directory, 'uploads')).length) } });
  },

  post() {
    if (readFileSync(BACKUP_STATE, 'utf8') === 'closed by us') rmSync(join(directory, 'closed'), { force: true });
  },

  'restore-plan'() {
    answer({ step: { action: 'keep', what: `${directory}/uploads, in ${BACKUP_KEPT}` } });
    answer({ step: { action: 'replace', what: `${directory}/uploads` } });
  },

  async restore() {
    const uploads = join(directory, 'uploads');
    mkdirSync(directory, { recursive: true });
    if (existsSync(uploads))
      await cp(uploads, join(BACKUP_KEPT, 'uploads'), { recursive: true, preserveTimestamps: true });
    writeFileSync(BACKUP_STATE, 'begun');
    rmSync(uploads, { recursive: true, force: true });
    await cp(join(BACKUP_COPY, 'shop-uploads-data/uploads'), uploads, { recursive: true, preserveTimestamps: true });
  },

  async revert() {
    if (readFileSync(BACKUP_STATE, 'utf8') !== 'begun') return;
    const uploads = join(directory, 'uploads');
    const kept = join(BACKUP_KEPT, 'uploads');
    rmSync(uploads, { recursive: true, force: true });
    if (existsSync(kept)) await cp(kept, uploads, { recursive: true, preserveTimestamps: true });
  },
});

if (stage === 'describe') {
  answer({
    describe: {
      summary: 'Uploads of the shop, read while it takes no orders.',
      stages: Object.keys(stagesIn('')),
      options: {
        type: 'object',
        additionalProperties: false,
        required: ['directory'],
        properties: { directory: { type: 'string', minLength: 1, description: 'Where the shop is.' } },
      },
    },
  });
} else {
  const options = JSON.parse(readFileSync(0, 'utf8'));
  /** @type {Record<string, () => unknown>} */
  const stages = stagesIn(options.directory);
  // "I do not have this stage": 64, and not a word.
  if (stages[stage] === undefined) process.exitCode = 64;
  else await stages[stage]();
}
