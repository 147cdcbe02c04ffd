import type { ImageSources } from '../platform/images.ts';
import { haproxyInstances } from './haproxy.ts';

/** Holds the public ports. */
export const gateService = 'horme-gate';
export const haproxyService = (instance: string) => `horme-${instance}`;
export const haproxyServices = haproxyInstances.map(haproxyService);

/** Of the edge's balancers, and of the database's proxy. */
export const haproxyImage: ImageSources = { haproxy: { from: { image: 'tools', argument: 'TOOLS' } } };
