import * as z from 'zod';
import { hostPattern, projectPathPattern } from './patterns.ts';
import { isSchedule } from '../schedule.ts';
import { durationPattern, parseDuration, parseSize, sizePattern } from './units.ts';

// Validators that zod compiles for speed cost more than the few values of a file take to check.
z.config({ jitless: true });

/** Values that keys of several parts have. An error text is "what is wrong; what to type". */

export const duration = z
  .string({ error: 'not a duration; write a number with its unit, such as 30s or 1m30s' })
  .regex(durationPattern, { error: 'not a duration; write a number with its unit, such as 30s or 1m30s' })
  .transform((text) => parseDuration(text) ?? 0);

export const size = z
  .string({ error: 'not a size; write a number with its unit, such as 512m or 2g' })
  .regex(sizePattern, { error: 'not a size; write a number with its unit, such as 512m or 2g' })
  .transform((text) => parseSize(text) ?? 0);

export const memory = size.refine((bytes) => bytes >= 64 * 1024 ** 2, { error: 'too little memory; give 64m or more' });

const notPort = { error: 'not a port; give a number from 1 to 65535' };
export const port = z.int(notPort).min(1, notPort).max(65_535, notPort);

export const host = z.string().regex(hostPattern, {
  error: 'not a host name; use lower-case letters, digits, hyphens and dots, such as api.example.com',
});

export const schedule = z
  .string({ error: 'not a schedule; write five fields as cron has them, such as "0 3 * * *"' })
  .refine(isSchedule, { error: 'not a schedule; write five fields of numbers as cron has them, such as "0 3 * * *"' });

export const projectFile = z
  .string()
  .regex(projectPathPattern, { error: 'not a file of the project; give a relative path' });
