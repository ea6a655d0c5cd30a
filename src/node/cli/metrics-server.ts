import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Registry } from 'prom-client';

import { PageRules } from '../fronts/page-rules.js';
import type { RequestHead } from '../fronts/request-head.js';
import { CommandError, messageOf } from './failure.js';
import { measure, type End, type Measured } from './metrics.js';
import type { PageRefusalSource } from './refusal-log.js';

/** A scraper and somebody's browser need a few. */
const MAX_CONNECTIONS = 32;

const FOREIGN_HOST = 'Ask by IP address or localhost, or give --metrics-allow-host.\n';

/** No scraper needs longer than this. */
const REQUEST_TIME_LIMIT_MS = 10_000;

export interface MetricsOptions {
  readonly metricsPort?: number;
  readonly metricsHost: string;
  readonly metricsAllowHost?: readonly string[];
}

/** Where a command's metrics are served. */
export interface MetricsServer {
  readonly port: number;
  /** Never rejects. */
  close(): Promise<void>;
}

/**
 * Serves `/metrics` for Prometheus and `/healthz`, if a port is given.
 *
 * @throws {CommandError} if the port is not available.
 */
export async function serveMetrics(
  proxy: Measured,
  end: End,
  { metricsPort, metricsHost, metricsAllowHost }: MetricsOptions,
  pages?: PageRefusalSource,
): Promise<MetricsServer | undefined> {
  if (metricsPort === undefined) return undefined;
  const registry = measure(proxy, end, pages);
  const rules = new PageRules({ allowHosts: metricsAllowHost });
  const server = createServer((request, response) => {
    const refusal = rules.judge(headOf(request), request.socket.localAddress);
    if (refusal) {
      const text = refusal.status === 421 ? FOREIGN_HOST : `${refusal.reason}\n`;
      response.writeHead(refusal.status, { 'content-type': 'text/plain' }).end(text);
    } else void answer(request, response, proxy, registry);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = REQUEST_TIME_LIMIT_MS;
  server.headersTimeout = REQUEST_TIME_LIMIT_MS;
  server.listen(metricsPort, metricsHost);
  await once(server, 'listening').catch((error: unknown) => {
    throw new CommandError(
      `--metrics-port ${metricsPort} on ${metricsHost} is not available: ${messageOf(error)}. Give another one.`,
    );
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** With every header as it came: Node joins some of them, and drops others that come twice. */
function headOf({ method = '', url = '', httpVersion, rawHeaders }: IncomingMessage): RequestHead {
  const fields: (readonly [string, string])[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2)
    fields.push([rawHeaders[at]?.toLowerCase() ?? '', rawHeaders[at + 1] ?? '']);
  return { method, target: url, version: httpVersion, fields };
}

async function answer(
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
  proxy: Measured,
  registry: Registry,
): Promise<void> {
  response.setHeader('cache-control', 'no-store');
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
  } else if (url === '/healthz') {
    const status = proxy.ready ? 'ready' : 'waiting';
    const body = JSON.stringify({ status, sessionsOpen: proxy.counts.sessionsOpen });
    response.writeHead(proxy.ready ? 200 : 503, { 'content-type': 'application/json' }).end(`${body}\n`);
  } else if (url === '/metrics') {
    const body = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType }).end(body);
  } else {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('There are /metrics and /healthz.\n');
  }
}
