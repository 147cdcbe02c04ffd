/** Labels of Horme's containers, volumes and images. The only place of these names. */
export const labels = {
  project: 'horme.project',
  /** Purpose of one of Horme's own containers, such as `store` or `lock`. Services have none. */
  role: 'horme.role',
  /** Hash of a replica's definition; equal means that nothing is to be done. */
  spec: 'horme.spec',
  /** Number of the release that started a replica. */
  release: 'horme.release',
  /** Hash of the sources an image was built from. */
  sources: 'horme.sources',
  /** Hooks that run after the container's start and before its stop, as JSON. */
  postStart: 'horme.post-start',
  preStop: 'horme.pre-stop',
  service: 'com.docker.compose.service',
  composeProject: 'com.docker.compose.project',
  composeVolume: 'com.docker.compose.volume',
  number: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
} as const;
