// SPDX-License-Identifier: AGPL-3.0-or-later
import type * as z from 'zod';
import { checkConfig } from './check.ts';
import { complaintError } from './complaint.ts';
import type { ConfigSource } from './source.ts';
import { readYaml } from './yaml-source.ts';

/**
 * The value that a YAML file holds, as the schema makes it.
 * @param file its name, for messages only
 * @throws BackupError `config` that lists all complaints: `FILE:LINE:COLUMN: key.path: what is wrong`
 */
export function parseConfig<Value>(text: string, file: string, schema: z.ZodType<Value>): Value {
  return parseSource(readYaml(text, file), schema);
}

/** As {@link parseConfig}, for what has been read already. */
export function parseSource<Value>(source: ConfigSource, schema: z.ZodType<Value>): Value {
  const checked = checkConfig(source, schema);
  const complaints = [...source.complaints, ...(checked.ok ? [] : checked.complaints)];
  if (checked.ok && complaints.length === 0) return checked.value;
  throw complaintError(source.file, complaints);
}
