import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configurationFolder, innerPorts } from '../src/parts/edge/nginx.ts';
import { nginxService } from '../src/parts/edge/services.ts';
import { labels } from '../src/engine/labels.ts';
import { tagOf } from '../src/parts/testing.ts';
import { volumeNames } from '../src/release/store.ts';
import type { Scene } from './project.ts';

export const haproxyPort = 8000;
const sockets = '/run/hand';
const startMilliseconds = 5000;

export interface Place {
  scene: Scene;
  network: string;
  /** `address:port` */
  replica: string;
  /** The containers that were started, for who removes them. */
  started: string[];
}

/** Gives its address. */
export async function bareHaproxy(place: Place): Promise<string> {
  return start(place, 'haproxy', `bind :${haproxyPort}`);
}

/** nginx with TLS, a unix socket, HAProxy: what someone who knows both would write for this one route. Gives its address. */
export async function edgeByHand(place: Place): Promise<string> {
  const folder = join(place.scene.directory, 'sockets');
  await mkdir(folder);
  // Both run as a user of their own.
  await chmod(folder, 0o777);
  await start(place, 'hand-haproxy', `bind unix@${sockets}/haproxy.sock mode 666`, [`${folder}:${sockets}`]);
  const file = join(place.scene.directory, 'hand-nginx.conf');
  await writeFile(file, nginx(await tlsLines(place.scene)), { mode: 0o644 });
  return run(place, 'hand-nginx', {
    image: tagOf('nginx'),
    entrypoint: ['nginx', '-e', '/dev/stderr', '-c', '/hand/nginx.conf', '-g', 'daemon off;'],
    mounts: [
      `${file}:/hand/nginx.conf:ro`,
      `${folder}:${sockets}`,
      `${volumeNames(place.scene.project).edge}:${configurationFolder}:ro`,
    ],
  });
}

async function start(place: Place, name: string, bind: string, mounts: string[] = []): Promise<string> {
  const file = join(place.scene.directory, `${name}.cfg`);
  await writeFile(file, haproxy(bind, place.replica), { mode: 0o644 });
  return run(place, name, {
    image: tagOf('haproxy'),
    mounts: [`${file}:/etc/horme/haproxy/haproxy.cfg:ro`, ...mounts],
  });
}

async function run(
  { scene, network, started }: Place,
  name: string,
  spec: { image: string; entrypoint?: string[]; mounts: string[] },
): Promise<string> {
  const id = await scene.engine.create({ ...spec, labels: { 'horme.bench': name }, network });
  started.push(id);
  await scene.engine.start(id);
  const deadline = performance.now() + startMilliseconds;
  while (performance.now() < deadline) {
    const [container] = await scene.engine.containers({ 'horme.bench': name });
    const address = container?.state === 'running' && container.addresses[network];
    if (address) return address;
  }
  throw new Error(`${name} does not run: ${await scene.engine.logs(id, 20)}`);
}

const haproxy = (bind: string, replica: string) => `global
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
listen bench
  ${bind}
  server replica ${replica}
`;

/** The certificate and the profile that the edge has been deployed with. */
async function tlsLines(scene: Scene): Promise<string> {
  const [container] = await scene.engine.containers({
    [labels.project]: scene.project,
    [labels.service]: nginxService,
  });
  const path = `${configurationFolder}/nginx/nginx.conf`;
  const text = (await scene.engine.get(container?.id ?? '', path))?.get('nginx.conf')?.toString('utf8') ?? '';
  const lines = text.match(/^ *ssl_[a-z_]+ .*;$/gm);
  if (!lines?.some((line) => line.includes('ssl_certificate '))) throw new Error(`no certificate in ${path}`);
  return lines.join('\n');
}

const nginx = (tls: string) => `worker_processes auto;
pid /tmp/nginx.pid;
events {
  worker_connections 4096;
}
http {
  access_log /dev/stdout combined buffer=64k flush=1s;
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  keepalive_requests 100000;
${tls}
  upstream haproxy {
    server unix:${sockets}/haproxy.sock;
    keepalive 128;
    keepalive_requests 100000;
  }
  server {
    listen ${innerPorts.https} ssl;
    http2 on;
    location / {
      proxy_pass http://haproxy;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_buffering off;
    }
  }
}
`;
