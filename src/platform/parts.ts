import { backupPart } from '../backup/part.ts';
import { cachePart } from '../cache/part.ts';
import { databasePart } from '../database/part.ts';
import { edgePart } from '../edge/part.ts';
import type { Part } from './part.ts';

/** The platform around the user's services, in the order in which it starts. A new part adds its folder and one line here. */
export const parts: Part[] = [databasePart, cachePart, backupPart, edgePart];
