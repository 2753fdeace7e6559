// SPDX-License-Identifier: AGPL-3.0-or-later

/** Directories of the service in the archive, named as the original's include files name them. */
export const STATE = 'module';
export const VOLUMES = 'module_volumes';

/** Never overwritten: it is about this instance, not about the one that was saved (E25). */
export const ENVIRONMENT = 'environment';
