import { contextsOf, serviceContext, serviceIn } from './build-contexts.ts';
import { mapping, toMapping } from './extensions.ts';
import type { Finding } from './locate.ts';
import type { SourceFile } from './source.ts';
import type { ComposeModel, ComposeService } from '../engine/compose-model.ts';

/** Findings for `service:` build contexts: the service must be active, and there must be no cycle. */
export function contextFindings({ services }: ComposeModel): Finding[] {
  return Object.entries(services).flatMap(([name, { build }]) =>
    servicesIn(build).flatMap((wanted): Finding[] => {
      const path = ['services', name, 'build', 'additional_contexts'];
      const hint = `${serviceContext}${wanted}`;
      if (!services[wanted]?.build) {
        const message = `${hint} is no active service with a build`;
        return [{ path, message, mend: 'name one, or enable its profile with --profile', hint }];
      }
      if (!reaches(services, wanted, name)) return [];
      return [{ path, message: `${hint} needs the image of ${name} itself`, mend: 'take one of the two out', hint }];
    }),
  );
}

const servicesIn = (build: ComposeService['build']): string[] =>
  Object.values(contextsOf(build))
    .map(serviceIn)
    .filter((service) => service !== undefined);

function reaches(services: ComposeModel['services'], from: string, to: string, seen = new Set<string>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return servicesIn(services[from]?.build).some((next) => reaches(services, next, to, seen));
}

/**
 * Warns about images that only a service of an inactive profile builds: as in Compose they are not built, and may be in
 * no registry.
 */
export function inactiveBuilders({ services }: ComposeModel, sources: readonly SourceFile[]): string[] {
  const written = sources.flatMap((source) => Object.entries(mapping(toMapping(source)['services'])));
  const builders = written.map(([name, service]) => ({ name, service: mapping(service) }));
  return Object.entries(services).flatMap(([name, { image, build }]) => {
    if (build || image === undefined || Object.values(services).some((one) => one.build && one.image === image))
      return [];
    const builder = builders.find((one) => one.service['build'] && one.service['image'] === image);
    if (!builder || builder.name in services) return [];
    const profiles = [builder.service['profiles'] ?? []].flat().map(String);
    return [
      `${name}: ${image} is built by ${builder.name}, which is not active: it is pulled; --profile ${profiles[0] ?? 'NAME'} builds it`,
    ];
  });
}
