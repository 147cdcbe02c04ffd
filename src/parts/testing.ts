import { imageSources, imageTag } from '../platform/images.ts';
import { parts } from './index.ts';

/** Of an image of any part. */
export const tagOf = (name: string): string => imageTag(name, imageSources(parts));
