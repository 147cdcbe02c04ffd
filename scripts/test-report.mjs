// A vitest reporter for bin/test: the counts, and the reason of each skipped test, which vitest's JSON leaves out.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

export default class TestReport {
  onTestRunEnd(modules, unhandledErrors) {
    const report = { passed: 0, failed: unhandledErrors.length, skips: [] };
    for (const module of modules) countModule(module, report);
    // Shell-readable: `passed failed skipped`, then a reason a line.
    const lines = [`${report.passed} ${report.failed} ${report.skips.length}`, ...report.skips];
    writeFileSync(process.env.HORME_TEST_REPORT, `${lines.join('\n')}\n`);
    console.log(slowest(modules).join('\n'));
  }
}

const mostShown = 10;
/** What takes less is not worth a look; milliseconds. */
const leastShown = 1000;

function slowest(modules) {
  const tests = modules.flatMap((module) => [...module.children.allTests()].map((test) => ({ module, test })));
  const timed = tests.map(({ module, test }) => ({
    milliseconds: test.diagnostic()?.duration ?? 0,
    name: `${nameOf(module)}: ${test.fullName}`,
  }));
  const shown = timed.filter(({ milliseconds }) => milliseconds >= leastShown);
  shown.sort((a, b) => b.milliseconds - a.milliseconds);
  const lines = shown
    .slice(0, mostShown)
    .map(({ milliseconds, name }) => `${(milliseconds / 1000).toFixed(1).padStart(7)} s  ${name}`);
  return lines.length === 0 ? [] : ['the slowest:', ...lines];
}

function countModule(module, report) {
  let failedTests = 0;
  for (const test of module.children.allTests()) {
    const { state, note } = test.result();
    if (state === 'passed') report.passed += 1;
    else if (state === 'failed') failedTests += 1;
    else report.skips.push(`skipped: ${nameOf(module)}: ${test.fullName}: ${note ?? noteOf(test)}`);
  }
  // A file that fails to load, or whose hook fails, has no failed test of its own.
  report.failed += failedTests || (module.ok() ? 0 : 1);
}

function noteOf(test) {
  return test.options.mode === 'todo' ? 'not written yet' : 'no reason given';
}

function nameOf(module) {
  return relative(process.cwd(), module.moduleId);
}
