// SPDX-License-Identifier: AGPL-3.0-or-later

/** Where the server keeps what proves a live tree, inside of it: entry list and manifest. No archive may bring its own. */
export const PROOF_DIRECTORY = '.backup';
