import { replaceStep } from './in-place.ts';
import type { Change, Draft } from './step.ts';

export function startStep(
  changes: Change[],
  extra: (change: Change) => number,
  beside: (change: Change) => number,
): Draft[] {
  const replaced = changes.flatMap((change) =>
    change.inPlace?.replaces ? [replaceStep({ ...change, inPlace: change.inPlace })] : [],
  );
  const growing = changes.filter((change) => extra(change) > 0 && !change.inPlace?.replaces);
  if (growing.length === 0) return replaced;
  const words = growing.map((change) => {
    const others = beside(change);
    return `${replicaCount(extra(change))} of ${change.service.name}${others > 0 ? ` beside the ${others} that run${others === 1 ? 's' : ''}` : ''}`;
  });
  const counts = Object.fromEntries(growing.map((change) => [change.service.name, extra(change) + beside(change)]));
  return [...replaced, { title: `start ${words.join(', ')}`, cause: causes(growing), action: { do: 'start', counts } }];
}

const replicaCount = (count: number) => `${count} ${count === 1 ? 'replica' : 'replicas'}`;
const causes = (changes: Change[]) => changes.map(({ service, cause }) => `${service.name}: ${cause}`).join('; ');
