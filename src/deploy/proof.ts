import type { ReleaseContent } from '../release/release.ts';
import type { Session } from './session.ts';
import { addressKey, addressesOf, type Address } from './addresses.ts';
import { startProber, type Prober } from './prober.ts';
import type { Proof } from '../proof.ts';

/** Probes a second over all routes: enough to see a gap of tens of milliseconds, and few enough for two slow cores. */
const probesPerSecond = 50;

export interface RunningProof {
  /** Undefined where nothing was live before. */
  prober: Prober | undefined;
  /** All traffic is on the new replicas from now on. */
  switched(): void;
  stop(): Promise<Proof>;
}

/** Probes the public addresses of the live release from before the first step until after the last. */
export async function startProof(
  session: Session,
  live: ReleaseContent | undefined,
  wanted: ReleaseContent,
  started: number,
): Promise<RunningProof> {
  const { connection, emit } = session;
  if (!live) return firstRelease(started);
  const { https } = live.ports;
  const connectTo = { host: connection.publicAddress, port: https };
  const targets = lasting(live, wanted).map((address) => ({ ...address, connectTo }));
  const prober = startProber({ targets, perSecond: probesPerSecond, signal: new AbortController().signal });
  await prober.ready;
  let switchedSeconds: number | undefined;
  let proof: Promise<Proof> | undefined;
  return {
    prober,
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

/** Addresses of the live release that the new one keeps: an address that it removes may fail. */
function lasting(live: ReleaseContent, wanted: ReleaseContent): Address[] {
  const kept = new Map(addressesOf(wanted).map((address) => [addressKey(address), address]));
  return addressesOf(live).flatMap((address) => {
    const later = kept.get(addressKey(address));
    return later === undefined ? [] : [{ ...address, good: later.good === address.good ? address.good : undefined }];
  });
}

function firstRelease(started: number): RunningProof {
  const wallSeconds = () => (performance.now() - started) / 1000;
  const nothing = { requests: 0, failed: 0, p99Milliseconds: 0, worstGapMilliseconds: 0 };
  return {
    prober: undefined,
    switched: () => undefined,
    stop: () => Promise.resolve({ ...nothing, wallSeconds: wallSeconds(), notMeasured: 'nothing ran before' }),
  };
}
