// SPDX-License-Identifier: AGPL-3.0-or-later
import { clientConfigSchema, DEFAULT_PLUGIN_DIR } from './config-schema.ts';

/** The little of client_config.yml that is needed even when the rest of it is wrong. */
export interface Places {
  readonly stateDir: string;
  readonly lockDir: string;
  readonly pluginDir: string;
  readonly serviceDir: string;
  /** Who is to be told; undefined where it is not there. */
  readonly adminEmail: string | undefined;
}

/** Looks for plain `key: value` lines in a text that may be no YAML at all; the defaults where there are none. Pure. */
export function placesIn(text: string): Places {
  return {
    stateDir: absolute(textAfter(text, 'state_dir')) ?? clientConfigSchema.shape.state_dir.parse(undefined),
    lockDir: absolute(textAfter(text, 'lock_dir')) ?? clientConfigSchema.shape.lock_dir.parse(undefined),
    pluginDir: absolute(textAfter(text, 'plugin_dir')) ?? DEFAULT_PLUGIN_DIR,
    serviceDir: absolute(textAfter(text, 'service_dir')) ?? clientConfigSchema.shape.service_dir.parse(undefined),
    adminEmail: textAfter(text, 'admin_email'),
  };
}

function textAfter(text: string, key: string): string | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${key}:`));
  return /^[^:]*:\s*(["']?)([^"'#\s]+)\1\s*(?:#.*)?$/.exec(line ?? '')?.[2];
}

function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') ? path : undefined;
}
