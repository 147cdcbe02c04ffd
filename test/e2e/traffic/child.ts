import { startTraffic, type Report, type Traffic, type TrafficOptions } from '../traffic.ts';

export type Command = { id: number } & (
  { command: 'start'; options: TrafficOptions } | { command: 'snapshot' } | { command: 'stop' }
);

export type Reply = { id: number; report?: Report; error?: string };

let traffic: Traffic | undefined;

async function obey(command: Command): Promise<Report | undefined> {
  if (command.command === 'start') {
    traffic = startTraffic(command.options);
    return undefined;
  }
  if (!traffic) throw new Error('the traffic was not started');
  return command.command === 'snapshot' ? traffic.snapshot() : traffic.stop();
}

process.on('message', (command: Command) => {
  const { id } = command;
  obey(command).then(
    (report) => process.send?.(report ? { id, report } : { id }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});

// The test died: nobody wants the traffic any more.
process.on('disconnect', () => process.exit(0));
