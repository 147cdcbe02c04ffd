/**
 * For every build. Attestations by default hold times and an id of the build's own: under containerd's image store they are
 * part of the image, whose id would differ each time, and a rebuild of unchanged sources would replace every replica
 * (docker/compose#14111). What a Compose file asks for by `provenance` or `sbom` it still gets.
 */
export const buildEnvironment = { DOCKER_BUILDKIT: '1', BUILDX_GIT_INFO: '0', BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };
