/** Between the process that uses a sandbox and the one that is it: plain messages over Node's IPC channel. */
import { type ErrorCode, errorCatalogue, messageOf, SerinError } from '../../errors.ts';
import type { SandboxAddresses, SandboxControls, SandboxOptions } from './controls.ts';

export type ToSandbox =
  | { readonly kind: 'start'; readonly options: SandboxOptions }
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly name: keyof SandboxControls;
      readonly args: readonly unknown[];
    }
  | { readonly kind: 'stop' };

export interface WireError {
  readonly code: string;
  readonly message: string;
}

export type FromSandbox =
  | { readonly kind: 'ready'; readonly addresses: SandboxAddresses }
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: WireError };

export function toWire(thrown: unknown): WireError {
  return { code: thrown instanceof SerinError ? thrown.code : '', message: messageOf(thrown) };
}

export function fromWire({ code, message }: WireError): Error {
  return isErrorCode(code) ? new SerinError(code, message) : new Error(message);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}
