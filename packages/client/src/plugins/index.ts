// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Plugin } from '../plugin.ts';
import { command } from './command/index.ts';
import { files } from './files/index.ts';

/** Every plugin there is: a new one is a folder beside these and a line here. */
export const plugins: readonly Plugin[] = [command, files];
