// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/** What a module says of itself by `update_component_status`, or what is known of it without that. */
export interface ModuleReport {
  readonly name: string;
  readonly status: 'success' | 'failed' | 'partial_failure';
  /** `database`, `config`, `config-only`, `application`, `unknown`, or a word of the module's own. */
  readonly type: string;
  readonly validation: Validation;
}

/** What a report says of files. */
export const validation = z.looseObject({
  size: z.number().default(0),
  files: z
    .array(z.looseObject({ path: z.string(), size: z.number().optional(), md5: z.string().optional() }))
    .default([]),
});

export type Validation = z.infer<typeof validation>;

const STATUSES: readonly string[] = ['success', 'failed', 'partial_failure'];

/**
 * Reads what the helper wrote: name, status, type and validation, each ended by a zero byte; the last report about a name
 * counts. A status that nobody knows, or a validation that is no JSON, is a failure: it says nothing good.
 */
export function parseReports(bytes: string): readonly ModuleReport[] {
  const parts = bytes.split('\0').slice(0, -1);
  const reports = new Map<string, ModuleReport>();
  for (let at = 0; at + 3 < parts.length; at += 4) {
    const [name = '', status = '', type = '', json = ''] = parts.slice(at, at + 4);
    const checked = validation.safeParse(json.trim() === '' ? {} : tryJson(json));
    const isGood = STATUSES.includes(status) && checked.success;
    reports.set(name, {
      name,
      status: isGood ? (status as ModuleReport['status']) : 'failed',
      type: type === '' ? 'unknown' : type,
      validation: checked.success ? checked.data : { size: 0, files: [] },
    });
  }
  return [...reports.values()];
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
