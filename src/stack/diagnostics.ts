import { exitCodes, OperatorError } from '../errors.ts';

/** One problem in the user's files. */
export interface Diagnostic {
  /** Relative to the project directory. */
  file: string;
  /** From 1; 0 when the problem is with the file as a whole. */
  line: number;
  column: number;
  /** Dotted, such as `services.api.x-horme.route`; empty for the whole file. */
  path: string;
  message: string;
  /** What to type instead. */
  mend: string;
  /** The line it points at, for the excerpt. */
  source?: string;
}

/** All problems of the user's files at once. */
export class ConfigurationError extends OperatorError {
  readonly diagnostics: Diagnostic[];

  constructor(diagnostics: Diagnostic[]) {
    const sorted = unique(diagnostics);
    super(`${headline(sorted)}\n${sorted.map(formatDiagnostic).join('\n')}`, {
      code: 'configuration',
      exitCode: exitCodes.usage,
    });
    this.name = 'ConfigurationError';
    this.diagnostics = sorted;
  }

  /** With an excerpt under each problem, for a terminal. */
  excerpts(): string {
    return [headline(this.diagnostics), ...this.diagnostics.map(formatExcerpt)].join('\n\n');
  }
}

function headline(diagnostics: Diagnostic[]): string {
  const files = [...new Set(diagnostics.map(({ file }) => file))];
  return `${diagnostics.length} ${diagnostics.length === 1 ? 'problem' : 'problems'} in ${files.join(', ')}`;
}

/** `compose.yaml:12:7 services.api.x-horme.rout: unknown key — did you mean "route"?` */
export function formatDiagnostic({ file, line, column, path, message, mend }: Diagnostic): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `${place}${path === '' ? '' : ` ${path}`}: ${message}${mend === '' ? '' : ` — ${mend}`}`;
}

export function formatExcerpt(diagnostic: Diagnostic): string {
  const { line, column, source } = diagnostic;
  const text = formatDiagnostic(diagnostic);
  if (line === 0 || source === undefined || source.length > 400) return text;
  const gutter = String(line);
  // Tabs keep their width in both lines, so that the caret stays under its character.
  const padding = source.slice(0, column - 1).replaceAll(/[^\t]/g, ' ');
  return `${text}\n  ${gutter} | ${source}\n  ${' '.repeat(gutter.length)} | ${padding}^`;
}

/** Sorts by position and removes duplicates that several passes have found. */
function unique(diagnostics: Diagnostic[]): Diagnostic[] {
  const byText = new Map(diagnostics.map((diagnostic) => [formatDiagnostic(diagnostic), diagnostic]));
  return [...byText.values()].sort(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column || a.path.localeCompare(b.path),
  );
}
