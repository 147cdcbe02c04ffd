/** The labels that tell Horme's things from all others on an engine. One home for each. */
export const labels = {
  project: 'horme.project',
  /** What a container of Horme's own is for: `store` or `lock`. Services have none. */
  role: 'horme.role',
  /** Hash of all that makes a replica what it is: equal means nothing to do. */
  spec: 'horme.spec',
  /** Number of the release that started a replica. */
  release: 'horme.release',
  /** Hash of the sources an image was built from. */
  sources: 'horme.sources',
  /** What runs in a container after its start and before its stop, as JSON. */
  postStart: 'horme.post-start',
  preStop: 'horme.pre-stop',
  service: 'com.docker.compose.service',
  composeProject: 'com.docker.compose.project',
  composeVolume: 'com.docker.compose.volume',
  number: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
} as const;
