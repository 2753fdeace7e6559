// SPDX-License-Identifier: AGPL-3.0-or-later
import { readYaml } from '@local-backup/common/config/yaml-source';
import * as z from 'zod';
import type { Dependencies } from './order.ts';

/** What this plugin wants to know of a compose file. */
export interface ComposeModel {
  /** Of the project; undefined where the file does not say. */
  readonly name: string | undefined;
  readonly services: readonly string[];
  readonly dependencies: Dependencies;
  /** Keys of `volumes`, and the names that the engine knows them by, where the file tells. */
  readonly volumes: Readonly<Record<string, { readonly name: string | undefined; readonly isExternal: boolean }>>;
}

const dependsOn = z.union([z.array(z.string()), z.record(z.string(), z.unknown())]);

const document = z.looseObject({
  name: z.string().optional().catch(undefined),
  services: z.record(
    z.string(),
    z
      .looseObject({ depends_on: dependsOn.nullish().catch(undefined) })
      .nullable()
      .catch(null),
  ),
  volumes: z
    .record(
      z.string(),
      z
        .looseObject({
          name: z.string().optional().catch(undefined),
          external: z.union([z.boolean(), z.looseObject({ name: z.string().optional() })]).optional(),
        })
        .nullable()
        .catch(null),
    )
    .nullish(),
});

/**
 * Reads a compose file, or what `compose config` prints: YAML or JSON.
 * @throws BackupError `config` where it is no YAML
 * @returns undefined where it holds no services
 */
export function parseModel(text: string, file: string): ComposeModel | undefined {
  const { data } = document.safeParse(readComposeYaml(text, file));
  if (data === undefined || Object.keys(data.services).length === 0) return undefined;
  const dependencies = Object.entries(data.services).map(([name, service]) => {
    const needs = service?.depends_on ?? [];
    return [name, Array.isArray(needs) ? needs : Object.keys(needs)] as const;
  });
  const volumes = Object.entries(data.volumes ?? {}).map(([key, volume]) => {
    const external = volume?.external ?? false;
    const name = volume?.name ?? (typeof external === 'object' ? external.name : undefined);
    return [key, { name, isExternal: external !== false }] as const;
  });
  return {
    name: data.name,
    services: Object.keys(data.services),
    dependencies: Object.fromEntries(dependencies),
    volumes: Object.fromEntries(volumes),
  };
}

/** Several files, the later ones added to the earlier ones. */
export function mergeModels(models: readonly ComposeModel[]): ComposeModel | undefined {
  if (models.length === 0) return undefined;
  return models.reduce((merged, model) => ({
    name: model.name ?? merged.name,
    services: [...new Set([...merged.services, ...model.services])],
    dependencies: mergeDependencies(merged.dependencies, model.dependencies),
    volumes: { ...merged.volumes, ...model.volumes },
  }));
}

function mergeDependencies(first: Dependencies, second: Dependencies): Dependencies {
  const added = Object.entries(second).map(([name, needs]) => [name, [...(first[name] ?? []), ...needs]] as const);
  return { ...first, ...Object.fromEntries(added) };
}

/**
 * The value of a compose file, without what only compose knows (`!reset`, `!override`).
 * @throws BackupError `config` where it is no YAML
 */
export function readComposeYaml(text: string, file: string): unknown {
  return readYaml(text.replace(/(^|[\s:,[-])!(?:reset|override)\b/gm, '$1'), file).value;
}

/** The name that compose gives to a project in this directory when nothing else says one. */
export function defaultProjectName(directoryName: string): string {
  return directoryName
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[-_]+/, '');
}
