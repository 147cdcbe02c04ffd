import { backupPart } from './backup/index.ts';
import { cachePart } from './cache/index.ts';
import { databasePart } from './database/index.ts';
import { edgePart } from './edge/index.ts';
import type { Part } from './part.ts';

/** The platform around the user's services, in the order in which it starts. A new part adds its folder and one line here. */
export const parts: readonly Part[] = [databasePart, cachePart, backupPart, edgePart];
