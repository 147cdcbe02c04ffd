import type { FileEntry } from '../../engine/engine.ts';

const words = {
  502: 'The application answered with something that is not HTTP, or not at all.',
  503: 'The application can’t take this request just now. Please try again in a moment.',
  504: 'The application took too long to answer.',
} as const;

const maintenanceWords = 'We are working on it and will be back soon.';

/** The edge's own pages. They load no other files, so that they work when nothing else does. */
function page(title: string, text: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
body { font: 1rem/1.6 system-ui, sans-serif; color: #1c2430; background: #f5f6f8; display: grid; place-content: center; min-height: 100vh; margin: 0; text-align: center }
h1 { font-size: 1.4rem; margin: 0 }
p { margin: .5rem 1rem; color: #55606e }
@media (prefers-color-scheme: dark) { body { color: #e8ebf0; background: #14181f } p { color: #97a2b0 } }
</style>
<h1>${title}</h1>
<p>${text}</p>
</html>
`;
}

export function pageFiles(maintenancePage: string | undefined): FileEntry[] {
  const titles = { 502: 'Bad gateway', 503: 'Not available', 504: 'Gateway timeout' } as const;
  const statuses = [502, 503, 504] as const;
  return [
    ...statuses.map((status) => ({ path: `pages/${status}.html`, content: page(titles[status], words[status]) })),
    ...statuses.map((status) => ({ path: `haproxy/${status}.http`, content: errorFile(status, titles[status]) })),
    { path: 'pages/maintenance.html', content: maintenancePage ?? page('Maintenance', maintenanceWords) },
  ];
}

/** HAProxy sends an errorfile unchanged, so it must contain the status line and headers. */
function errorFile(status: keyof typeof words, title: string): string {
  const body = page(title, words[status]);
  const headers = [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: text/html; charset=utf-8',
    'cache-control: no-store',
    'retry-after: 1',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}
