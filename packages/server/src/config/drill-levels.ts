// SPDX-License-Identifier: AGPL-3.0-or-later
/** How far a drill goes. Apart from the schema: the command line needs these words, and not zod. */
export const DRILL_LEVELS = ['files', 'services'] as const;
export type DrillLevel = (typeof DRILL_LEVELS)[number];
