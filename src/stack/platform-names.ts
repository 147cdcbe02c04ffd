/** The platform's own containers, volumes and networks; nothing of the user's may begin so. */
export const platformPrefix = 'horme-';

export const isPlatformName = (name: string) => name.startsWith(platformPrefix);
