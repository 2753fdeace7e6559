// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import type { ConfigPath } from './complaint.ts';

/** The description of the key at `path` of a schema, or undefined where there is none. */
export function descriptionAt(schema: z.core.$ZodType, path: ConfigPath): string | undefined {
  let current: z.core.$ZodType | undefined = schema;
  for (const part of path) current = current === undefined ? undefined : childOf(unwrapAll(current), part);
  for (let layer = current; layer !== undefined; layer = unwrap(layer)) {
    const description = z.globalRegistry.get(layer)?.description;
    if (description !== undefined) return description;
  }
  return undefined;
}

function childOf(schema: z.core.$ZodType, part: PropertyKey): z.core.$ZodType | undefined {
  // Own keys only: `__proto__` may be a key of the file.
  if (schema instanceof z.ZodObject) return Object.hasOwn(schema.shape, part) ? schema.shape[String(part)] : undefined;
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodUnion) {
    const options: readonly z.core.$ZodType[] = schema.options;
    return options.map((option) => childOf(unwrapAll(option), part)).find((child) => child !== undefined);
  }
  return schema instanceof z.ZodRecord ? schema.valueType : undefined;
}

function unwrapAll(schema: z.core.$ZodType): z.core.$ZodType {
  let current = schema;
  for (let inner = unwrap(current); inner !== undefined; inner = unwrap(current)) current = inner;
  return current;
}

/** What is inside an optional, a default or a transformation. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodPipe) return schema.in;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNonOptional) return schema.unwrap();
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return schema.unwrap();
  return schema instanceof z.ZodNullable ? schema.unwrap() : undefined;
}
