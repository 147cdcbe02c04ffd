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
      name: 'the-core-knows-no-part',
      comment: 'Parts plug into it by one interface (src/parts/part.ts); who starts the program hands them in.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(parts|commands|quickstart|agent)/|[.]test[.]ts$' },
      to: { path: '^src/parts/' },
    },
    {
      name: 'parts-meet-at-the-door',
      comment: 'A part asks another through what that one exports in its index.ts.',
      severity: 'error',
      from: { path: '^src/parts/([^/]+)/' },
      to: { path: '^src/parts/[^/]+/', pathNot: '^src/parts/($1/|[^/]+/index[.]ts)' },
    },
    {
      name: 'commands-know-no-part',
      comment:
        "What a part says in a command is in the part; only the list of commands and the program's start know the list of parts.",
      severity: 'error',
      from: { path: '^src/commands/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/parts/', pathNot: '^src/parts/(index|part)[.]ts' },
    },
    {
      name: 'the-file-knows-no-release',
      comment: 'What the user wrote is read without knowing what is made of it.',
      severity: 'error',
      from: { path: '^src/stack/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/(platform|release|traffic|deploy|recovery|output|command)' },
    },
    {
      name: 'a-release-knows-no-rollout',
      comment: 'What a release is stands without how it comes to run.',
      severity: 'error',
      from: { path: '^src/(platform|release)/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/(traffic|deploy|recovery|output|command)' },
    },
    {
      name: 'a-rollout-prints-nothing',
      comment: 'Events come out of the core; what prints them subscribes.',
      severity: 'error',
      from: { path: '^src/(traffic|deploy|recovery)/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/(output|command)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.cjs'] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '[.]test[.]ts$|/testing[.]ts$|/simulator[.]ts$' },
  },
};
