// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostProgress } from '../../host-attempt.ts';
import type { ServiceAmount } from '../drill-choice.ts';
import { checkServices, type ServiceOutcome, type ServicesIo } from './check-services.ts';
import { loadedRecord, unseenOf, unseenText } from './services-text.ts';

/** Looks at the services, and writes down what was found; failing is left to the caller, who has more to look at. */
export async function loadServices(
  services: readonly ServiceAmount[],
  io: ServicesIo,
  { trail, facts }: HostProgress,
): Promise<readonly ServiceOutcome[]> {
  const started = performance.now();
  const outcomes = await trail.step('load', () => checkServices(services, io));
  const loaded = loadedRecord(outcomes, (performance.now() - started) / 1000);
  if (facts.drill !== undefined) facts.drill = { ...facts.drill, loaded };
  const unseen = unseenOf(outcomes);
  const odd = unseen.filter((one) => one.odd);
  const lacking = unseen.filter((one) => !one.odd);
  const failed = loaded.failed > 0 ? `, ${loaded.failed} FAILED` : '';
  const rest = loaded.unseenCount > 0 ? `, ${loaded.unseenCount} not looked at` : '';
  const why = lacking.length > 0 ? `: ${unseenText(lacking)}` : '';
  trail.note('services', `${loaded.proven} proven${failed}${rest}${why}`);
  if (odd.length > 0) trail.warn('services', `not looked at, though it should have been: ${unseenText(odd)}`);
  return outcomes;
}
