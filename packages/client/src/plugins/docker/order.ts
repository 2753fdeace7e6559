// SPDX-License-Identifier: AGPL-3.0-or-later

/** Services, and those that each of them depends on. */
export type Dependencies = Readonly<Record<string, readonly string[]>>;

/**
 * The services so that each comes after what it depends on, else by name. What is in a circle, which compose refuses,
 * comes in the order of the names.
 */
export function inStartOrder(services: readonly string[], dependencies: Dependencies): readonly string[] {
  const wanted = new Set(services);
  const ordered = new Set<string>();
  const visiting = new Set<string>();
  const visit = (name: string): void => {
    if (visiting.has(name)) return;
    visiting.add(name);
    for (const other of [...(dependencies[name] ?? [])].sort()) visit(other);
    if (wanted.has(name)) ordered.add(name);
  };
  for (const name of [...wanted].sort()) visit(name);
  return [...ordered];
}

/** True where the services depend on none but each other, so that starting them by name starts nothing else. */
export function isClosed(services: readonly string[], dependencies: Dependencies): boolean {
  return services.every((name) => (dependencies[name] ?? []).every((other) => services.includes(other)));
}
