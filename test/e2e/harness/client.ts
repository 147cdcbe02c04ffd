import https from 'node:https';

export interface Seen {
  status: number;
  version: string | undefined;
  body: string;
}

export interface Address {
  port: number;
  host: string;
}

const timeoutMilliseconds = 15_000;

/** One request over a connection of its own. */
export function ask({ port, host }: Address, path: string, body?: string): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        path,
        servername: host,
        method: body === undefined ? 'GET' : 'POST',
        headers: { host: `${host}:${port}` },
        rejectUnauthorized: false,
        agent: false,
        timeout: timeoutMilliseconds,
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          const version = response.headers['x-version'] as string | undefined;
          resolve({ status: response.statusCode ?? 0, version, body: text });
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMilliseconds / 1000} s`)));
    request.on('error', reject);
    request.end(body);
  });
}
