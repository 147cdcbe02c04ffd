/** A repository, an image or another service; what Compose takes for none of these is a folder (compose-go's paths/context.go). */
export const isElsewhere = (context: string) => /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\/|^service:/.test(context);
