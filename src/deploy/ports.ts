import { connect } from 'node:net';
import { gateService } from '../edge/part.ts';
import { labels } from '../engine/labels.ts';
import type { Container } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Session } from '../session.ts';

/** A pre-deployment check and what it found. */
export interface Check {
  name: string;
  ok: boolean;
  /** What was found, and where it failed: what to do. */
  detail: string;
}

/** Before anything is built or started: a port in use would only show when the gate can't start. */
export async function refuseTakenPorts(session: Session, containers: Container[]): Promise<void> {
  const failed = (await portChecks(session, containers)).filter(({ ok }) => !ok);
  if (failed.length === 0) return;
  throw new OperatorError(failed.map(({ name, detail }) => `${name}: ${detail}`).join('\n'), {
    code: 'port-taken',
    exitCode: exitCodes.checkFailed,
    next: 'horme check',
  });
}

/** Only before the first deploy, and only where the engine is on this machine: a port in use would fail the gate's start. */
export async function portChecks({ stack, connection }: Session, containers: Container[]): Promise<Check[]> {
  const runs = containers.some((container) => container.labels[labels.service] === gateService);
  if (runs || connection.socketPath === undefined) return [];
  if (!stack.services.some(({ routes }) => routes.length > 0)) return [];
  const { http, https } = stack.environment.ports;
  return Promise.all(
    [http, https].map(async (port) => {
      const taken = await answers(port);
      const mend = `in use by another program: set x-horme.environments.${stack.environment.name}.ports`;
      return { name: `port ${port}`, ok: !taken, detail: taken ? mend : 'free' };
    }),
  );
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
    socket.on('timeout', () => end(false));
  });
}
