import type { ComposeService } from '../../engine/compose-model.ts';
import { changedServices } from '../../release/adapt.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { releasedBackup } from './sections.ts';

/**
 * A release as it is to run now: its database belongs to the history that is the present one. A release from before a restore
 * would archive into the history that ended with it.
 */
export function inHistory(content: ReleaseContent, history: string): ReleaseContent {
  const backup = releasedBackup(content);
  const former = backup?.history;
  if (!backup || former === undefined || former === history) return content;
  const changed = changedServices(content, (service, definition) => {
    const { environment } = definition;
    const named = Object.values(environment ?? {}).some((value) => value?.includes(former));
    if (!environment || !named) return { service, definition };
    return { service, definition: { ...definition, environment: renamed(environment, former, history) } };
  });
  return { ...changed, parts: { ...changed.parts, backup: { ...backup, history } } };
}

const renamed = (environment: NonNullable<ComposeService['environment']>, from: string, to: string) =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value?.replaceAll(from, to) ?? null]));
