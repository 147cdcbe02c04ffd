import type { PartCheck, PartLook } from '../../deploy/part.ts';
import type { Check } from '../../deploy/check.ts';
import { quantity } from '../../output/format.ts';
import { findingText, lintServices, type ServiceLint } from './lint.ts';

export async function databaseCheck({ stack, live, signal }: PartLook): Promise<PartCheck> {
  const migrations = await lintServices(stack, live, signal);
  return {
    checks: migrations.map(migrationCheck),
    warnings: migrations.flatMap((lint) => (lint.outcome === 'linted' ? lint.findings.map(findingText) : [])),
    result: { migrations },
  };
}

/** What locks may be fine on a small table, and only its owner knows: a hazard is a warning, and never fails the check. */
export function migrationCheck({ service, pending, ...lint }: ServiceLint): Check {
  const name = `migrations of ${service}`;
  const files = quantity(pending.length, 'new or changed file');
  switch (lint.outcome) {
    case 'failed':
      return { name, ok: false, detail: `squawk did not get through ${files}: ${lint.lastWords}` };
    case 'not-run':
      return { name, ok: true, detail: `${files}, not run: ${lint.reason}` };
    case 'linted': {
      const hazards = lint.findings.length === 0 ? 'no hazard' : quantity(lint.findings.length, 'hazard');
      return { name, ok: true, detail: pending.length === 0 ? 'nothing new' : `${files}, ${hazards}` };
    }
  }
}
