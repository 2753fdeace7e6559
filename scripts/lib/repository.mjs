// SPDX-License-Identifier: AGPL-3.0-or-later
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository, without a slash at its end. */
export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Path of a development tool that setup has installed.
 *
 * @param {string} name
 */
export const tool = (name) => `${repository}/node_modules/.bin/${name}`;
