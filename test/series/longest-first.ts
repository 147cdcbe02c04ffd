import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { longFiles, pathOf } from './files.ts';

const secondsOf = new Map(longFiles.map((file) => [pathOf(file), file.seconds]));

/** Two workers end at about the same time when the longest files of the table begin first; others as vitest orders them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = ({ moduleId }: TestSpecification) =>
      secondsOf.get(relative(this.ctx.config.root, moduleId)) ?? Infinity;
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => (seconds(a) === seconds(b) ? 0 : seconds(b) - seconds(a)));
  }
}
