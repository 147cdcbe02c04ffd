/** Put in by scripts/build.mjs from package.json; absent when the sources run unbundled. */
declare const HORME_VERSION: string;

export const version = typeof HORME_VERSION === 'string' ? HORME_VERSION : '0.0.0-source';
