import { createServer } from 'node:net';

/** Away from the ports of examples/shop. */
const firstPort = 18_080;
/** What a process may use. */
const each = 1000;
/** The last ones are below those that the kernel gives to clients. */
const most = 10;

/**
 * Of this process alone, as long as it lives: what runs side by side must not meet. Vitest's own number of a worker can be given twice
 * when the files of `together` follow those of `alone`.
 */
export const ownPort = await claimedPort();

/** From HTTP to HTTPS, as between 80 and 443. */
export const toHttps = 363;

async function claimedPort(): Promise<number> {
  for (let port = firstPort; port < firstPort + most * each; port += each) {
    if (await claim(port - 1)) return port;
  }
  throw new Error(`${most} processes have the ports from ${firstPort} on`);
}

/** Whether it is ours: the kernel gives a port to one listener. */
function claim(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const listener = createServer();
    listener.once('error', () => resolve(false));
    listener.listen(port, '127.0.0.1', () => resolve(true));
    // It ends with the process, and holds it up no longer.
    listener.unref();
  });
}
