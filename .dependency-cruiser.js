/** Which way imports go. `npm run lint` holds it; ARCHITECTURE.md says why. */
export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Two files that need each other are one file, or lack a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'engine-is-the-floor',
      comment: 'The ports to the engine, Compose and processes know nothing of what they are used for.',
      severity: 'error',
      from: { path: '^src/engine/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(engine/|errors[.]ts|fingerprint[.]ts)' },
    },
    {
      name: 'commands-are-the-roof',
      comment: 'Commands put parts together; only the entry point imports one.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(commands/|cli[.]ts|early-answer|.*[.]test[.]ts$)' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'the-file-knows-no-rollout',
      comment: 'What the user wrote is read without knowing what is made of it.',
      severity: 'error',
      from: { path: '^src/stack/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/(release|deploy|platform|edge|cache|output|session)' },
    },
    {
      name: 'a-release-knows-no-rollout',
      comment: 'What a release is stands without how it comes to run.',
      severity: 'error',
      from: { path: '^src/release/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/(deploy|recovery|output|session)' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.cjs'] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '[.]test[.]ts$|/testing[.]ts$' },
  },
};
