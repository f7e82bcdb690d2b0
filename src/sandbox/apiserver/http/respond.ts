/** Writing answers: JSON with the server's headers, failures as `Status` objects, warnings as headers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Failure } from '../failure.ts';
import type { JsonObject } from '../json.ts';

const MAX_BODY_BYTES = 3 * 1024 * 1024;

export function sendText(
  response: ServerResponse,
  code: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  const bytes = Buffer.from(text);
  response.writeHead(code, { 'Content-Type': contentType, 'Content-Length': bytes.length });
  response.end(bytes);
}

export function sendJsonText(response: ServerResponse, code: number, text: string): void {
  sendText(response, code, `${text}\n`, 'application/json');
}

export function sendJson(response: ServerResponse, code: number, body: JsonObject): void {
  sendJsonText(response, code, JSON.stringify(body));
}

/** RFC 7234 warnings, one header line each, as kubectl prints them. */
export function addWarnings(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  response.setHeader(
    'Warning',
    warnings.map((text) => `299 - "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`),
  );
}

export function sendFailure(response: ServerResponse, thrown: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const failure =
    thrown instanceof Failure
      ? thrown
      : new Failure(
          500,
          'InternalError',
          `Internal error occurred: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        );
  const seconds = failure.details?.['retryAfterSeconds'];
  if (typeof seconds === 'number') response.setHeader('Retry-After', String(seconds));
  sendJson(response, failure.code, failure.toStatus());
}

/** The whole body; 413 beyond the real server's limit. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new Failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
