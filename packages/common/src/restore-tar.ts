// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { HOSTNAME_PATTERN } from './archive-name.ts';
import { SERVICE_NAME_PATTERN, serviceSchema } from './manifest.ts';

/**
 * What `backup-server restore --to-host` leaves on a client and `backup-client restore` takes: one tar file for one
 * service, in the directory `restore` of the spool, and a manifest beside it, written last. A tar file, because SFTP
 * sets neither owners nor ACLs nor extended attributes.
 */

/** Directory of the spool. */
export const SPOOL_RESTORE = 'restore';

const STAMP = /^\d{8}_\d{6}$/;

/** The manifest beside a tar file, `<tar>.json`. Sizes in bytes, times in UTC. */
export const restoreManifestSchema = z
  .strictObject({
    format: z.literal(1),
    kind: z.literal('restore'),
    /** Name of the tar file. */
    tar: z.string().max(600),
    bytes: z.int().min(0),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    /** Where the service was saved. */
    hostname: z.string().regex(HOSTNAME_PATTERN),
    /** Of the archive that the snapshot was made from; of the snapshot where it was made from none. */
    stamp: z.string().regex(STAMP),
    snapshot: z.string().max(100),
    /** When the server made the tar file. */
    created: z.iso.datetime(),
    /** What the client that saved it has told; name and type are the directories in the tar file. */
    service: serviceSchema,
  })
  .refine((manifest) => manifest.tar === restoreTarName(manifest), {
    path: ['tar'],
    message: 'the tar file is named after another service',
  });

export type RestoreManifest = z.infer<typeof restoreManifestSchema>;

/** `<hostname>-<stamp>-<type>+<service>.tar`: the same snapshot sent again takes the place of what was sent before. */
export function restoreTarName({
  hostname,
  stamp,
  service,
}: {
  readonly hostname: string;
  readonly stamp: string;
  readonly service: { readonly type: string; readonly name: string };
}): string {
  return `${hostname}-${stamp}-${service.type}+${service.name}.tar`;
}

/** True for what may be the name of such a file. */
export function isRestoreTarName(name: string): boolean {
  return name.endsWith('.tar') && !name.startsWith('.') && name.includes('+');
}

/** `web/shop` and `shop` mean the service `shop` of type `web`. */
export function isServiceCalled(service: { readonly type: string; readonly name: string }, wanted: string): boolean {
  return wanted === service.name || wanted === `${service.type}/${service.name}`;
}

/** True for what can be `name` or `type/name`. */
export function isServiceReference(text: string): boolean {
  const parts = text.split('/');
  return parts.length <= 2 && parts.every((part) => SERVICE_NAME_PATTERN.test(part));
}
