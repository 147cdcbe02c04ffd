import { createServer, type Server } from 'node:http';
import { stackOf } from './failure.ts';

/** The one place that names it, with the scrape configuration of the platform. */
export const endpointPort = 9854;
/** A client that connects and sends nothing is disconnected after this time, in milliseconds. */
const clientMilliseconds = 10_000;

export interface Answer {
  code: number;
  text: string;
}

/** Answers what Prometheus and a health check ask over HTTP, by path, until it is closed. */
export function serveHttp(answers: Record<string, () => Promise<Answer>>, port: number = endpointPort): Server {
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ''] ?? (async () => ({ code: 404, text: 'not found\n' }));
    void answer()
      .catch((error: unknown): Answer => ({ code: 500, text: `${stackOf(error)}\n` }))
      .then(({ code, text }) => {
        response.writeHead(code, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
      });
  });
  server.requestTimeout = clientMilliseconds;
  server.headersTimeout = clientMilliseconds;
  server.keepAliveTimeout = clientMilliseconds;
  return server.listen(port);
}
