// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/** A configuration file that is documented from its schema. */
export interface ConfigDocument {
  /** File name, which also names the generated pages: `client_config.yml`. */
  readonly name: string;
  /** Where it is, or where such files are. */
  readonly location: string;
  /** One paragraph: what it is for, who may read it. */
  readonly intro: string;
  readonly syntax: 'yaml' | 'shell';
  readonly schema: z.ZodType;
  /** Optional keys that are not commented out in the sample, with their sections: `restic.password_file`. */
  readonly active: readonly string[];
}

/** One key of a file, as people read about it. */
export interface DocumentedKey {
  readonly name: string;
  readonly required: boolean;
  /** `text`, `time`, `whole number from 1 to 9`, ... */
  readonly type: string;
  /** In Markdown; undefined where there is none. */
  readonly default: string | undefined;
  readonly description: string;
  /** A value for the sample, also where there is a default. */
  readonly example: unknown;
  /** Understood, but better written elsewhere: not in samples. */
  readonly old: boolean;
  /** Stands in the place of another key: left out of a section that is commented out as a whole. */
  readonly instead: boolean;
  /** Keys of a section, or of each entry of a list of sections; none where the description says where they are explained. */
  readonly children: readonly DocumentedKey[];
  readonly isList: boolean;
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** What may be written into the file, as JSON schema for editors. */
export function jsonSchemaOf({ schema, name }: ConfigDocument): JsonSchema {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', override: keepExamples });
  return { ...json, title: name };
}

/** zod drops the examples of what it transforms, as it takes them for results; ours are what is written into files. */
function keepExamples({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: JsonSchema }): void {
  const examples = z.globalRegistry.get(zodSchema)?.examples;
  if (Array.isArray(examples)) jsonSchema.examples = examples;
}

/** The keys of a file, in the order of its schema. */
export function documentedKeys(document: ConfigDocument): readonly DocumentedKey[] {
  return keysOf(jsonSchemaOf(document));
}

function keysOf(section: JsonSchema): readonly DocumentedKey[] {
  return Object.entries(section.properties ?? {}).map(([name, schema]) => {
    const key = schema as JsonSchema;
    return {
      name,
      required: section.required?.includes(name) === true,
      type: typeName(key),
      default: defaultText(key),
      description: key.description ?? '',
      example: key.examples?.[0] ?? key.default,
      old: key['x-old'] === true,
      instead: key['x-instead'] === true,
      children: key['x-elsewhere'] === true ? [] : keysOf(key.type === 'array' ? itemsOf(key) : key),
      isList: key.type === 'array',
    };
  });
}

function typeName(schema: JsonSchema): string {
  if (typeof schema['x-type'] === 'string') return schema['x-type'];
  if (schema.enum !== undefined) return `one of ${schema.enum.map((value) => `\`${value}\``).join(', ')}`;
  if (schema.anyOf !== undefined) return schema.anyOf.map((branch) => typeName(branch as JsonSchema)).join(', or ');
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'integer':
      return `whole number${rangeText(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return itemsOf(schema).properties === undefined
        ? `list of ${plural(typeName(itemsOf(schema)))}`
        : 'list of sections';
    case 'object':
      return schema.properties === undefined ? 'section with names of your own' : 'section';
    default:
      return typeof schema.type === 'string' ? schema.type : 'anything';
  }
}

function plural(type: string): string {
  return /^(?:text|.*path)$/.test(type) ? `${type}s` : type;
}

function rangeText({ minimum, maximum }: JsonSchema): string {
  if (maximum === undefined || maximum === Number.MAX_SAFE_INTEGER) {
    return minimum === undefined || minimum === -Number.MAX_SAFE_INTEGER ? '' : `, at least ${minimum}`;
  }
  return ` from ${minimum} to ${maximum}`;
}

function defaultText(schema: JsonSchema): string | undefined {
  if (typeof schema['x-default'] === 'string') return schema['x-default'];
  const { default: value } = schema;
  if (value === undefined || JSON.stringify(value) === '{}') return undefined;
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : value.map((item) => `\`${item}\``).join(', ');
  return value === '' ? 'nothing' : `\`${String(value)}\``;
}

function itemsOf({ items }: JsonSchema): JsonSchema {
  return typeof items === 'object' && !Array.isArray(items) ? (items as JsonSchema) : {};
}
