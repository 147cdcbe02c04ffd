import type { ComposeService } from '../engine/compose-model.ts';

/** From the security rules: enough for any normal service, and a limit for fork bombs. */
const pidsLimit = 512;
const logging = { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } };

/**
 * Defaults that are safe for any container, each set only if the user's file does not set it. `init` is not among them:
 * an image with its own init (s6) must be PID 1.
 */
export function hardened(definition: ComposeService, kind: 'service' | 'job'): ComposeService {
  const result: ComposeService = { ...definition };
  result['logging'] ??= logging;
  const options = Array.isArray(result['security_opt']) ? result['security_opt'].map(String) : [];
  if (!options.some((option) => option.startsWith('no-new-privileges'))) {
    result['security_opt'] = [...options, 'no-new-privileges:true'];
  }
  if (result.restart === undefined && !hasRestartPolicy(result))
    result.restart = kind === 'job' ? 'no' : 'unless-stopped';
  limitPids(result);
  return result;
}

function hasRestartPolicy(definition: ComposeService): boolean {
  return definition.deploy !== undefined && 'restart_policy' in definition.deploy;
}

/** Compose refuses `pids_limit` together with `deploy.resources.limits` without `pids`. */
function limitPids(definition: ComposeService): void {
  const limits = definition.deploy?.resources?.limits;
  const own = definition['pids_limit'];
  if (limits === undefined) {
    definition['pids_limit'] ??= pidsLimit;
    return;
  }
  const pids = limits.pids ?? (typeof own === 'number' ? own : pidsLimit);
  definition.deploy = {
    ...definition.deploy,
    resources: { ...definition.deploy?.resources, limits: { ...limits, pids } },
  };
  delete definition['pids_limit'];
}
