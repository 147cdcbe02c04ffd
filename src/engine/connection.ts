import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { OperatorError, exitCodes } from '../errors.ts';

/** The connection to an engine, and the variables that make Docker's own programs use the same engine. */
export interface Connection {
  agent: http.Agent;
  socketPath: string | undefined;
  environment: Record<string, string>;
  /** For messages: the context's or the socket's name. */
  label: string;
  /** Address at which this machine reaches the one that publishes the edge's ports. */
  publicAddress: string;
}

type Variables = Record<string, string | undefined>;

/** Empty, because otherwise Node computes a TLS server name, and each command would compile a large pattern for it. */
const noServerName: object = { servername: '' };

const defaultSocket = '/var/run/docker.sock';

/**
 * Finds the engine as the docker command line does: the named context, else DOCKER_HOST, else DOCKER_CONTEXT, else the
 * current context of the configuration, else the default socket.
 */
export function openConnection(context: string | undefined, variables: Variables): Connection {
  const named = context ?? (variables.DOCKER_HOST ? undefined : variables.DOCKER_CONTEXT || currentContext(variables));
  if (named && named !== 'default') return viaHost(contextHost(named, variables), named);
  return viaHost(variables.DOCKER_HOST || `unix://${defaultSocket}`, undefined);
}

function viaHost(host: string, context: string | undefined): Connection {
  // Docker's programs treat an empty DOCKER_HOST as unset. A DOCKER_HOST from the shell would win over the context.
  const environment: Record<string, string> = context
    ? { DOCKER_CONTEXT: context, DOCKER_HOST: '' }
    : { DOCKER_HOST: host };
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length);
    const agent = new http.Agent({ ...noServerName, keepAlive: true, maxSockets: 32 });
    return { agent, socketPath, environment, label: context ?? socketPath, publicAddress: '127.0.0.1' };
  }
  return {
    agent: new DialAgent(environment),
    socketPath: undefined,
    environment,
    label: context ?? host,
    publicAddress: new URL(host).hostname,
  };
}

function configurationFolder(variables: Variables): string {
  return variables.DOCKER_CONFIG || join(homedir(), '.docker');
}

function currentContext(variables: Variables): string | undefined {
  const file = join(configurationFolder(variables), 'config.json');
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as { currentContext?: string }).currentContext;
}

function contextHost(name: string, variables: Variables): string {
  const folder = createHash('sha256').update(name).digest('hex');
  const file = join(configurationFolder(variables), 'contexts', 'meta', folder, 'meta.json');
  if (!existsSync(file)) {
    throw new OperatorError(`there is no Docker context named "${name}"`, {
      code: 'context-unknown',
      exitCode: exitCodes.usage,
      next: `docker context create ${name} --docker host=ssh://user@machine`,
    });
  }
  const meta = JSON.parse(readFileSync(file, 'utf8')) as { Endpoints: { docker: { Host: string } } };
  return meta.Endpoints.docker.Host;
}

/** Reaches engines behind ssh or TLS as the docker command line does: through `docker system dial-stdio`. */
class DialAgent extends http.Agent {
  readonly #environment: Record<string, string>;

  constructor(environment: Record<string, string>) {
    super({ keepAlive: true, maxSockets: 8 });
    this.#environment = environment;
  }

  override createConnection(): Duplex {
    const child = spawn('docker', ['system', 'dial-stdio'], {
      env: { ...process.env, ...this.#environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
    child.on('error', (cause) => stream.destroy(cause));
    stream.on('close', () => child.kill());
    const same = () => stream;
    // Socket methods that http calls and that a pipe lacks.
    return Object.assign(stream, { setKeepAlive: same, setNoDelay: same, setTimeout: same, ref: same, unref: same });
  }
}
