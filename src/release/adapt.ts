import { labels } from '../engine/labels.ts';
import type { HealthCheck } from '../stack/stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';
import type { ReleaseContent, ReleaseService } from './release.ts';
import { fingerprint } from '../fingerprint.ts';

/** What makes a replica what it is. How many there are and what they wait for is not part of it: neither needs a new one. */
export function specOf({ depends_on: _order, deploy, ...definition }: ComposeService, imageId: string): string {
  return fingerprint({ ...definition, resources: deploy?.resources, imageId });
}

/** A service of a release that was written before each route had its health check. */
type FormerService = ReleaseService & { healthPath?: string };

/** A release as it was written by an earlier version of Horme, in the words of this one. */
export function inPresentWords(content: ReleaseContent | undefined): ReleaseContent | undefined {
  return content && withSections(withHealthChecks(content));
}

/** Before there were sections, those of the parts stood beside the rest. */
function withSections(content: ReleaseContent): ReleaseContent {
  if ((content as Partial<ReleaseContent>).parts !== undefined) return content;
  const { schema, name, project, environment, domain, ports, services, ...others } = content;
  const { compose, buildSecrets, secretVolumes, watchSeconds, ...flat } = others;
  const own = { schema, name, project, environment, domain, ports, services, compose };
  return { ...own, buildSecrets, secretVolumes, watchSeconds, parts: flat };
}

function withHealthChecks(content: ReleaseContent): ReleaseContent {
  if (!content.services.some((service) => 'healthPath' in service)) return content;
  const services = content.services.map(({ healthPath, ...service }: FormerService) => {
    if (healthPath === undefined) return service;
    const health: HealthCheck = { path: healthPath, method: 'GET', status: '200-399', timeout: 2 };
    return { ...service, routes: service.routes.map((route) => ({ ...route, health })) };
  });
  return { ...content, services };
}

/** The same release with images that were made again. */
export function withImages(
  content: ReleaseContent,
  images: Record<string, { reference: string; id: string }>,
): ReleaseContent {
  return changedServices(content, (service, definition) => {
    const image = images[service.name];
    if (!image) return { service, definition };
    return {
      service: { ...service, image: image.reference, imageId: image.id },
      definition: { ...definition, image: image.reference },
    };
  });
}

/** Changes definitions; a service whose definition differs afterwards is another spec. */
export function changedServices(
  content: ReleaseContent,
  change: (
    service: ReleaseService,
    definition: ComposeService,
  ) => { service: ReleaseService; definition: ComposeService },
): ReleaseContent {
  const definitions: Record<string, ComposeService> = { ...content.compose.services };
  const services = content.services.map((one) => {
    const before = definitions[one.name];
    if (!before) return one;
    const { service, definition } = change(one, before);
    const same = service.imageId === one.imageId && fingerprint(definition) === fingerprint(before);
    const spec = same ? one.spec : specOf(withoutOwnLabels(definition), service.imageId);
    definitions[one.name] = same
      ? definition
      : { ...definition, labels: { ...definition.labels, [labels.spec]: spec } };
    return { ...service, spec };
  });
  return { ...content, services, compose: { ...content.compose, services: definitions } };
}

function withoutOwnLabels({ labels: all, ...definition }: ComposeService): ComposeService {
  const { [labels.project]: _project, [labels.spec]: _spec, ...users } = all ?? {};
  return Object.keys(users).length === 0 ? definition : { ...definition, labels: users };
}
