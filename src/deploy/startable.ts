import type { Compose } from '../engine/compose.ts';
import { labels } from '../engine/labels.ts';
import type { Engine, Volume } from '../engine/engine.ts';
import type { ComposeModel, ComposeMount, ComposeService } from '../engine/compose-model.ts';

/**
 * Wraps Compose and rewrites the model to what all supported versions of Compose and the engine accept; the release
 * stays as written.
 */
export function startable(compose: Compose, engine: Engine): Compose {
  const adapted = async (model: ComposeModel) => adaptedModel(model, await ownVolumes(model, engine));
  return {
    ...compose,
    scaleUp: async (model, counts) => compose.scaleUp(await adapted(model), counts),
    replace: async (model, counts) => compose.replace(await adapted(model), counts),
    runOnce: async (model, service, command, onLine) => compose.runOnce(await adapted(model), service, command, onLine),
  };
}

const isSubpath = ({ type, volume }: ComposeMount) =>
  type === 'volume' && (volume as { subpath?: string } | undefined)?.subpath !== undefined;

async function ownVolumes(model: ComposeModel, engine: Engine): Promise<Volume[]> {
  const asked = Object.values(model.services).some(({ volumes }) => volumes?.some(isSubpath));
  return asked ? engine.volumes({ [labels.project]: model.name }) : [];
}

export function adaptedModel(model: ComposeModel, volumes: Volume[]): ComposeModel {
  const services = Object.entries(model.services).map(([name, definition]) => [name, adapted(definition, volumes)]);
  return { ...model, services: Object.fromEntries(services) as ComposeModel['services'] };
}

/**
 * Compose runs hooks only since 2.30, and only if it starts or stops the container itself. Horme always runs them, from
 * labels of the container, so that a container keeps the hooks of its own release.
 */
function adapted(definition: ComposeService, volumes: Volume[]): ComposeService {
  const { post_start: postStart, pre_stop: preStop, ...rest } = definition;
  const hooks = {
    ...(postStart !== undefined && { [labels.postStart]: JSON.stringify(postStart) }),
    ...(preStop !== undefined && { [labels.preStop]: JSON.stringify(preStop) }),
  };
  return {
    ...rest,
    ...(Object.keys(hooks).length > 0 && { labels: { ...rest.labels, ...hooks } }),
    ...(rest.volumes && { volumes: rest.volumes.map((mount) => fileMount(mount, volumes)) }),
  };
}

/**
 * Engines before 26 can't mount a subpath of a volume. For Horme's own volumes the path on the engine's machine is
 * known, so a bind mount replaces it. The whole volume is mounted as well, so that no prune deletes it.
 */
function fileMount(mount: ComposeMount, volumes: Volume[]): ComposeMount {
  const found = isSubpath(mount) ? volumes.find(({ name }) => name === mount.source) : undefined;
  if (!found) return mount;
  const { subpath } = mount['volume'] as { subpath: string };
  return {
    ...{ type: 'bind', source: `${found.mountpoint}/${subpath}`, target: mount.target, read_only: true },
    bind: { create_host_path: false },
  };
}
