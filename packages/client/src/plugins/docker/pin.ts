// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import type { Compose } from './compose.ts';
import { type Container, inspectThere, parseInspected } from './containers.ts';

/** Images by service, as a compose file names them: `nginx@sha256:...`, or the id where no registry has it. */
export interface PinnedImages {
  readonly images: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

const imageSchema = z.array(z.looseObject({ Id: z.string(), RepoDigests: z.array(z.string()).nullish() }));

/**
 * The images that the project's containers were made from.
 * @param containers as they were before anything was stopped
 */
export async function pinImages(
  compose: Compose,
  services: readonly string[],
  containers: readonly Container[],
): Promise<PinnedImages> {
  const images: Record<string, string> = {};
  const warnings: string[] = [];
  for (const service of [...services].sort()) {
    const running = containers.find((container) => container.service === service && container.state !== 'stopped');
    if (running === undefined) {
      warnings.push(`${service} does not run, so its image is not pinned.`);
      continue;
    }
    const pinned = await pinnedName(compose, running);
    if (!pinned.includes('@'))
      warnings.push(
        `${service}: no registry has its image ${running.image}; it is pinned by its id, which only this host knows.`,
      );
    images[service] = pinned;
  }
  return { images, warnings };
}

async function pinnedName(compose: Compose, { image, imageId }: Container): Promise<string> {
  const id = /^[0-9a-f]{64}$/.test(imageId) ? `sha256:${imageId}` : imageId;
  const stdout = await inspectThere(compose, ['image', 'inspect', imageId]);
  if (stdout.trim() === '') return id;
  const [found] = parseInspected(stdout, imageSchema, 'image inspect');
  const digests = found?.RepoDigests ?? [];
  return digests.find((digest) => digest.startsWith(`${repositoryOf(image)}@`)) ?? digests[0] ?? id;
}

/** `registry:5000/shop` of `registry:5000/shop:1.2`. */
function repositoryOf(image: string): string {
  return image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
}

/** A compose file that is given after the others: `-f docker-compose.yml -f docker-compose.pinned.yml`. */
export function pinnedYaml(images: Readonly<Record<string, string>>): string {
  // Text in JSON's spelling is text in YAML too.
  const lines = Object.entries(images).map(
    ([service, image]) => `  ${JSON.stringify(service)}:\n    image: ${JSON.stringify(image)}\n`,
  );
  return `# The images that ran when this was saved. Use it after the compose file: -f docker-compose.yml -f docker-compose.pinned.yml\nservices:${lines.length === 0 ? ' {}\n' : `\n${lines.join('')}`}`;
}
