// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Plugin } from './plugin.ts';
import { isLate } from './restore/order.ts';
import type { ServiceTask } from './service.ts';

/** Plugins without an `order` of their own come after containers (10) and before those that want to be last. */
const DEFAULT_ORDER = 50;

/** Place of a plugin's `prepare` within a service, low first; `post` goes the other way round. */
export function orderOf({ order = DEFAULT_ORDER }: Pick<Plugin, 'order'>): number {
  return order;
}

/** Before containers (10), and after hooks (5). */
const IN_CONTAINER_ORDER = 9;

/** True for a task that has to be run before containers are stopped, because it runs in one; restored, it comes last. */
export function isEarly({ plugin, options }: Pick<ServiceTask, 'plugin' | 'options'>): boolean {
  return isLate(plugin, options);
}

/** Place of a task's `prepare` within its service. */
export function placeOf(task: ServiceTask): number {
  return isEarly(task) ? Math.min(orderOf(task.plugin), IN_CONTAINER_ORDER) : orderOf(task.plugin);
}
