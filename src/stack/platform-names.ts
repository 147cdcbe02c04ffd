/** Prefix of the platform's containers, volumes and networks; forbidden for the user's names. */
export const platformPrefix = 'horme-';

export const isPlatformName = (name: string) => name.startsWith(platformPrefix);
