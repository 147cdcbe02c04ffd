import type { RoutedService } from '../../release/release.ts';
import { webOrigin } from '../../stack/routes.ts';
import type { Route } from '../../stack/stack.ts';
import { openFiles } from '../../platform/service.ts';
import { lines, locationLimits, proxyLimits, serverLimits } from '../../traffic/route-limits.ts';
import { backendName, edgeSocketFolder, haproxyInstances } from '../../traffic/haproxy.ts';

/** Ports inside the gate's container; the environment says which ports of the machine lead here. */
export const innerPorts = { http: 8080, https: 8443 } as const;
export const gateSocket = `${edgeSocketFolder}/gate.sock`;
export const nginxStatusSocket = '/run/nginx/status.sock';
export const configurationFolder = '/etc/horme';

export interface NginxInput {
  services: RoutedService[];
  /** The machine's HTTPS port, for redirects. */
  httpsPort: number;
  /** Name of the certificate's files below `tls/`. */
  certificate: string;
  maxBodyBytes: number;
}

/** For one nginx worker and for all of HAProxy: half the files that a container may open, less some for its own. */
const connections = Math.floor(openFiles / 2) - 192;

interface Location extends Route {
  service: string;
}

/** Mozilla's intermediate profile, version 6.0, as the security reference has it. */
const tls = `  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
  ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1:secp384r1;
  ssl_prefer_server_ciphers off;
  ssl_session_timeout 1d;
  ssl_session_cache shared:tls:10m;
  ssl_session_tickets off;`;

export function renderNginx(input: NginxInput): string {
  const hosts = locationsByHost(input.services);
  const routes = input.services.flatMap((service) => service.routes);
  return [
    head(input, routes),
    ...[...hosts].map(([host, locations]) => hostServer(host, locations, routes)),
    unknownHost,
    '}',
    '',
  ].join('\n');
}

export function hostsOf(services: RoutedService[]): string[] {
  return [...locationsByHost(services).keys()];
}

function locationsByHost(services: RoutedService[]): Map<string, Location[]> {
  const hosts = new Map<string, Location[]>();
  for (const service of services) {
    for (const route of service.routes) {
      hosts.set(route.host, [...(hosts.get(route.host) ?? []), { ...route, service: service.name }]);
    }
  }
  return new Map([...hosts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function head({ maxBodyBytes, certificate, httpsPort }: NginxInput, routes: readonly Route[]): string {
  // None is ever given up: a socket refuses at once, and the one that fails next may be the only other.
  const upstream = haproxyInstances.map((name) => `    server unix:${edgeSocketFolder}/${name}.sock max_fails=0;`);
  return `worker_processes auto;
worker_shutdown_timeout 15m;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {
  worker_connections ${connections};
}

http {
  include /usr/local/share/mime.types;
  default_type application/octet-stream;
  server_tokens off;
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  log_format edge escape=json '{"time":"$time_iso8601","host":"$host","method":"$request_method","uri":"$request_uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,"backend":"$backend","request":"$request_reference","client":"$remote_addr"}';
  access_log /dev/stdout edge buffer=64k flush=1s;

  sendfile on;
  tcp_nopush on;
  client_max_body_size ${maxBodyBytes};
  client_header_timeout 15s;
  client_body_timeout 60s;
  send_timeout 60s;
  keepalive_timeout 75s;
  keepalive_requests 100000;
  large_client_header_buffers 4 16k;

  gzip on;
  gzip_comp_level 4;
  gzip_min_length 1024;
  gzip_vary on;
  gzip_proxied any;
  gzip_types text/plain text/css text/xml text/javascript application/javascript application/json application/xml image/svg+xml;

${tls}
  ssl_certificate ${configurationFolder}/tls/${certificate}.crt;
  ssl_certificate_key ${configurationFolder}/tls/${certificate}.key;

  # An empty value keeps the connection to HAProxy open; only an upgrade needs the header.
  map $http_upgrade $connection_upgrade {
    default upgrade;
    '' '';
  }
  # A request id from outside is kept when it is one, so that a trace can begin at the client.
  map $http_x_request_id $request_reference {
    default $request_id;
    "~^[A-Za-z0-9._-]{8,128}$" $http_x_request_id;
  }

  upstream haproxy {
${upstream.join('\n')}
    keepalive 128;
    keepalive_timeout 5s;
    keepalive_requests 100000;
  }

  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Request-Id $request_reference;
  proxy_set_header X-Horme-Backend $backend;
${lines(proxyLimits(routes))}  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  proxy_connect_timeout 2s;
  # HAProxy keeps the time of an answer; the edge only must not be shorter than its longest, an event stream.
  proxy_read_timeout 1h;
  proxy_send_timeout 1h;
  proxy_next_upstream error;
  # Event streams and long uploads pass as they come; nothing of a body touches a disk.
  proxy_buffering off;
  proxy_request_buffering off;
  proxy_buffer_size 16k;
  proxy_buffers 8 16k;

  server {
    listen unix:${nginxStatusSocket};
    access_log off;
    return 200 "ok\\n";
  }

  server {
    listen ${innerPorts.http} default_server;
    set $backend "";
    return 308 ${webOrigin('$host', httpsPort)}$request_uri;
  }
`;
}

function hostServer(host: string, locations: Location[], routes: readonly Route[]): string {
  const longestFirst = [...locations].sort((a, b) => b.path.length - a.path.length);
  return `  server {
    listen ${innerPorts.https} ssl;
    http2 on;
    server_name ${host};
    set $backend "";
${lines(serverLimits(locations, routes))}    add_header X-Request-Id $request_reference always;
${errorPages}
${maintenancePage}
${longestFirst.map(location).join('\n')}
  }
`;
}

/**
 * Whether this file is executable is asked with every request: maintenance needs no reload and is part of no release, so
 * neither a deploy nor a rollback changes it.
 */
export const maintenanceSwitch = 'maintenance';

/** A path matches itself and all below it, never a longer name that only begins alike. */
function location(route: Location): string {
  const { path, port, service } = route;
  const pass = `${lines(locationLimits(route))}      if (-x ${configurationFolder}/${maintenanceSwitch}) {
        return 503;
      }
      set $backend ${backendName(service, port)};
      proxy_pass http://haproxy;`;
  if (path === '/') return `    location / {\n${pass}\n    }`;
  return `    location = ${path} {\n${pass}\n    }\n    location ${path.replace(/\/?$/, '/')} {\n${pass}\n    }`;
}

const errorPages = `    error_page 502 /.horme/502.html;
    error_page 504 /.horme/504.html;
    location /.horme/ {
      internal;
      alias ${configurationFolder}/pages/;
    }`;

const maintenancePage = `    error_page 503 /.maintenance;
    location = /.maintenance {
      internal;
      default_type text/html;
      alias ${configurationFolder}/pages/maintenance.html;
      add_header Retry-After 60 always;
      add_header Cache-Control no-store always;
    }`;

const unknownHost = `  server {
    listen ${innerPorts.https} ssl default_server;
    http2 on;
    set $backend "";
    default_type text/plain;
    return 404 "No service answers under this name.\\n";
  }`;
