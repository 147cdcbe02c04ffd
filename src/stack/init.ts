import { isMap, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { exitCodes, OperatorError } from '../errors.ts';

const block = `x-horme:
  # database: {}                # PostgreSQL; its address is \${DATABASE_URL} in a service's environment
  # cache: {}                   # Redis; its address is \${REDIS_URL}
  environments:
    local: {}                   # this machine, ports 8080 and 8443; what a deploy without --env means
    production:
      domain: example.com       # the public name
      # context: production     # a Docker context, see \`docker context ls\`
`;

function starter(name: string): string {
  return `name: ${name}

services:
  web:
    build: .
    deploy:
      replicas: 2
    x-horme:
      route: { port: 8080 }     # where the service listens, inside its container
      # health: /health         # answers 2xx when a replica is ready
      # migrate: ["node", "migrate.js"]

${block}`;
}

/**
 * The text with `x-horme` appended and every existing byte kept; a starter file if there is no text. A text that has
 * `x-horme` is returned unchanged.
 */
export function initText(existing: string | undefined, options: { name: string }): string {
  if (existing === undefined || existing.trim() === '') return starter(options.name);
  const document = parseDocument(existing, { logLevel: 'error' });
  const [error] = document.errors;
  if (error !== undefined) throw unreadable(error.message);
  if (document.contents === null) return `${existing.trimEnd()}\n\n${starter(options.name)}`;
  if (!isMap(document.contents)) throw unreadable('it is not a mapping');
  if (document.has('x-horme')) return existing;
  const ending = existing.includes('\r\n') ? '\r\n' : '\n';
  const appended = `${existing.trimEnd()}\n\n${block}`.replaceAll(/\r?\n/g, ending);
  return hasExtension(appended) ? appended : inserted(document);
}

function hasExtension(text: string): boolean {
  const document = parseDocument(text, { logLevel: 'error' });
  return document.errors.length === 0 && document.has('x-horme');
}

/** A file in flow style or with an end marker can't be appended to, so the parser rewrites it and keeps comments. */
function inserted(document: Document): string {
  document.set('x-horme', document.createNode({ environments: { local: {}, production: { domain: 'example.com' } } }));
  return document.toString({ lineWidth: 0 });
}

function unreadable(reason: string): OperatorError {
  return new OperatorError(`the Compose file can't be extended: ${reason}`, {
    code: 'init-unreadable',
    exitCode: exitCodes.usage,
    next: 'docker compose config shows where it is wrong',
  });
}
