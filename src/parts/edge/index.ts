import { fingerprint } from '../../fingerprint.ts';
import { backendsOf, renderHaproxy, type Members } from '../../traffic/haproxy.ts';
import { haproxyImage } from '../../traffic/names.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { EdgeAct } from './step.ts';
import type { Part } from '../part.ts';
import { commands } from './commands.ts';
import { hostsOf, renderNginx } from './nginx.ts';
import { edgeOptions } from './options.ts';
import { pageFiles } from './pages.ts';
import { edgeFiles, haproxyCleanUp, haproxyReload, nginxReload, noteMembers } from './plan.ts';
import { releasedEdge, type EdgeRelease } from './sections.ts';
import { edgeNetworks, edgeServices, edgeVolumes } from './services.ts';

/** nginx with TLS before two HAProxies: all that publishes ports. */
export const edgePart: Part = {
  name: 'edge',
  key: { load: async () => (await import('./key.ts')).edgeKey },
  images: { gate: {}, nginx: { from: { image: 'gate', argument: 'GATE' } }, ...haproxyImage },
  services: edgeServices,
  networks: edgeNetworks,
  volumes: edgeVolumes,
  released(stack, services): EdgeRelease {
    const hosts = hostsOf(services);
    const certificate = { name: `self-signed-${fingerprint(hosts)}`, hosts };
    const { maxBodyBytes } = edgeOptions(stack);
    const httpsPort = stack.environment.ports.https;
    return { nginx: renderNginx({ services, httpsPort, certificate: certificate.name, maxBodyBytes }), certificate };
  },
  steps: {
    first: ({ content, seen, options: { former } }) => [
      ...noteMembers(content, seen, former),
      ...edgeFiles(content, seen, former),
    ],
    beforeUsers: ({ content, seen, options }) => haproxyReload(content, seen, options.former),
    switched: ({ content, seen }) => nginxReload(content, seen),
    last: ({ content, seen, options }) => haproxyCleanUp(content, seen, options.former),
  },
  take: async (context, _id, act) => (await import('./actions.ts')).takeEdgeStep(context, act as EdgeAct),
  membersChanged: async (context) => (await import('./apply.ts')).writeMembers(context),
  async status({ settings }) {
    return { lines: [], problems: settings.maintenance ? ['maintenance is on: the edge answers 503'] : [] };
  },
  rendered: (content, stack) => ({
    'nginx/nginx.conf': releasedEdge(content).nginx,
    'haproxy/haproxy.cfg': renderHaproxy(content.services, firstMembers(content)),
    ...Object.fromEntries(
      pageFiles(edgeOptions(stack).maintenancePage).map(({ path, content: text }) => [path, String(text)]),
    ),
  }),
  commands,
};

/** The names that Compose gives to the first containers of a service. */
function firstMembers({ project, services }: ReleaseContent): Members {
  return Object.fromEntries(
    services.flatMap((service) => {
      const names = Array.from({ length: service.replicas }, (_, index) => `${project}-${service.name}-${index + 1}`);
      return backendsOf([service]).map((backend) => [backend.name, names]);
    }),
  );
}
