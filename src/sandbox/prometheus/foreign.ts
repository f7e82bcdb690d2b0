/**
 * A Prometheus that runs elsewhere, as a part of the sandbox: it is reached through a door of the sandbox's own, so that an outage is
 * a closed door and nobody else's Prometheus is touched; what it must scrape is in a file that its `file_sd_configs` names.
 */
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import { SerinError } from '../../errors.ts';
import { freePort } from '../free-port.ts';
import { targetsFile } from './config.ts';
import type { Prometheus } from './prometheus.ts';

export interface ForeignPrometheusOptions {
  /** Its address; may have credentials and a path before `/api/v1`. */
  readonly url: string;
  /** The file of targets. */
  readonly file: string;
}

export async function createForeignPrometheus({ url, file }: ForeignPrometheusOptions): Promise<Prometheus> {
  const target = readTarget(url);
  const port = await freePort();
  let server: http.Server | undefined;
  let isHanging = false;
  let writes: Promise<void> = Promise.resolve();

  const close = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = once(closing, 'close');
    closing.close();
    closing.closeAllConnections();
    await closed;
  };

  return {
    url: `http://127.0.0.1:${port}`,
    pid: () => undefined,
    setTargets: (targets) => {
      writes = writes.then(async () => {
        await writeFile(`${file}.new`, targetsFile(targets));
        await rename(`${file}.new`, file);
      });
      return writes;
    },
    start: async () => {
      if (server !== undefined) return;
      const opened = http.createServer((request, response) => {
        if (!isHanging) forward(request, response, target);
      });
      opened.listen(port, '127.0.0.1');
      await once(opened, 'listening');
      server = opened;
    },
    stop: close,
    kill: async () => {
      await close();
      await writes; // whoever removes the file next must find it written
    },
    hang: () => {
      isHanging = true;
    },
    unhang: () => {
      isHanging = false;
    },
  };
}

function readTarget(url: string): URL {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return new URL(url);
  throw new SerinError(
    'SERIN_E_USAGE',
    `"${url}" is no address of a Prometheus. Write one such as http://localhost:9090.`,
  );
}

/** Passes one request on as it is; a door to nowhere closes the connection, as a dead Prometheus would. */
function forward(request: IncomingMessage, response: ServerResponse, target: URL): void {
  const address = new URL(target);
  address.username = '';
  address.password = '';
  const [path = '', query = ''] = (request.url ?? '/').split('?');
  address.pathname = target.pathname.replace(/\/+$/, '') + path;
  address.search = query;
  const { host: _ours, ...headers } = request.headers;
  const credentials = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
  const upstream = (address.protocol === 'https:' ? https : http).request(
    address,
    { method: request.method, headers, ...(target.username === '' ? {} : { auth: credentials }) },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  upstream.once('error', () => response.destroy());
  response.once('close', () => upstream.destroy());
  request.pipe(upstream);
}
