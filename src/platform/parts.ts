import { backupPart } from '../parts/backup/part.ts';
import { cachePart } from '../parts/cache/part.ts';
import { databasePart } from '../parts/database/part.ts';
import { edgePart } from '../parts/edge/part.ts';
import type { Part } from './part.ts';

/** The platform around the user's services, in the order in which it starts. A new part adds its folder and one line here. */
export const parts: Part[] = [databasePart, cachePart, backupPart, edgePart];
