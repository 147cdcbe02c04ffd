import type { ComposeBuild } from '../engine/compose-model.ts';

/** The named contexts beside the main one. */
export const contextsOf = (build: ComposeBuild | undefined) =>
  (build?.['additional_contexts'] ?? {}) as Record<string, string>;

/** A context that is another service's image. */
export const serviceContext = 'service:';

/** The service whose image a context is; undefined: it is something else. */
export const serviceIn = (context: string): string | undefined =>
  context.startsWith(serviceContext) ? context.slice(serviceContext.length) : undefined;

/**
 * Whether a context is a repository, an image or a service. Anything else is a folder (compose-go's paths/context.go).
 */
export const isElsewhere = (context: string) => /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\/|^service:/.test(context);
