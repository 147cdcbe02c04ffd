/**
 * Variables of every build. Default attestations contain times and a build id. In containerd's image store they are
 * part of the image, so its id would differ each time and a rebuild of unchanged sources would replace every replica
 * (docker/compose#14111). `provenance` and `sbom` in a Compose file still work.
 */
export const buildEnvironment = { DOCKER_BUILDKIT: '1', BUILDX_GIT_INFO: '0', BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };
