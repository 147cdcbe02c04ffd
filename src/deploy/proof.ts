import type { ReleaseContent } from '../release/release.ts';
import type { Session } from '../session.ts';
import { startProber, type Proof } from './prober.ts';

/** Probes a second over all routes: enough to see a gap of tens of milliseconds, little enough not to disturb two slow cores. */
const probesPerSecond = 50;

export interface RunningProof {
  /** All traffic is on the new replicas from now on. */
  switched(): void;
  stop(): Promise<Proof>;
}

/** Asks every route of what is live at the public address, from before the first step until after the last. */
export async function startProof(
  session: Session,
  live: ReleaseContent | undefined,
  started: number,
): Promise<RunningProof> {
  const { connection, emit } = session;
  if (!live) return firstRelease(started);
  const { https } = live.ports;
  const routes = live.services.flatMap((service) => service.routes.slice(0, 1));
  const targets = routes.map(({ host, path }) => ({
    url: `https://${host}${https === 443 ? '' : `:${https}`}${path}`,
    connectTo: { host: connection.publicAddress, port: https },
  }));
  const prober = startProber({ targets, perSecond: probesPerSecond, signal: new AbortController().signal });
  await prober.ready;
  let switchedSeconds: number | undefined;
  let proof: Promise<Proof> | undefined;
  return {
    switched: () => {
      switchedSeconds = (performance.now() - started) / 1000;
      emit({ kind: 'note', text: `all traffic is on the new replicas after ${switchedSeconds.toFixed(1)} s` });
    },
    stop: () =>
      (proof ??= prober.stop().then((measured) => ({
        ...measured,
        wallSeconds: (performance.now() - started) / 1000,
        ...(switchedSeconds !== undefined && { switchedSeconds }),
      }))),
  };
}

function firstRelease(started: number): RunningProof {
  const wallSeconds = () => (performance.now() - started) / 1000;
  const nothing = { requests: 0, failed: 0, p99Milliseconds: 0, worstGapMilliseconds: 0 };
  return {
    switched: () => undefined,
    stop: () => Promise.resolve({ ...nothing, wallSeconds: wallSeconds(), notMeasured: 'nothing ran before' }),
  };
}
