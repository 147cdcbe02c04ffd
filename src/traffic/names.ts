import { haproxyInstances } from './haproxy.ts';

/** Holds the public ports. */
export const gateService = 'horme-gate';
export const haproxyService = (instance: string) => `horme-${instance}`;
export const haproxyServices = haproxyInstances.map(haproxyService);
