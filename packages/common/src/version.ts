// SPDX-License-Identifier: AGPL-3.0-or-later

/** Put in place of this name by scripts/build.mjs; does not exist when the source runs unbundled. */
declare const __VERSION__: string;

/** Version of both programs, out of the repository's package.json; `0.0.0-dev` when the source runs unbundled. */
export const VERSION: string = typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0-dev';
