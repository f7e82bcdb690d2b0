/** Errors as the API server answers them: a `Status` object with the code, reason and message of the real one. */
import type { JsonObject } from './json.ts';

export interface FieldCause {
  /** `spec.replicas`, or empty for the object itself. */
  readonly field: string;
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueForbidden'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid'
    | 'FieldManagerConflict'
    | 'NamespaceTerminating'
    | 'UnexpectedServerResponse';
  readonly message: string;
}

export interface Subject {
  readonly group: string;
  /** Plural of the resource, or the kind for `Invalid`. */
  readonly kind: string;
  readonly name?: string;
  readonly uid?: string;
}

/** Thrown inside the server, turned into a `Status` at its edge. Not a SerinError: this is what the server *answers*. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject | undefined;

  constructor(code: number, reason: string, message: string, details?: JsonObject) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

function detailsOf(subject: Subject, causes: readonly FieldCause[] = []): JsonObject {
  return {
    ...(subject.name === undefined || subject.name === '' ? {} : { name: subject.name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    ...(subject.kind === '' ? {} : { kind: subject.kind }),
    ...(subject.uid === undefined ? {} : { uid: subject.uid }),
    ...(causes.length === 0
      ? {}
      : {
          causes: causes.map(({ reason, message, field }) => ({ reason, message, ...(field === '' ? {} : { field }) })),
        }),
  };
}

const qualified = (subject: Subject): string =>
  subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;

export const notFound = (subject: Subject): Failure =>
  new Failure(404, 'NotFound', `${qualified(subject)} "${subject.name ?? ''}" not found`, detailsOf(subject));

export const alreadyExists = (subject: Subject): Failure =>
  new Failure(409, 'AlreadyExists', `${qualified(subject)} "${subject.name ?? ''}" already exists`, detailsOf(subject));

export const conflict = (subject: Subject, why: string): Failure =>
  new Failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(subject)} "${subject.name ?? ''}": ${why}`,
    detailsOf(subject),
  );

export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

export const forbidden = (subject: Subject, why: string, causes: readonly FieldCause[] = []): Failure =>
  new Failure(
    403,
    'Forbidden',
    `${qualified(subject)} "${subject.name ?? ''}" is forbidden: ${why}`,
    detailsOf(subject, causes),
  );

/** 422: every cause is named with its field; `subject.kind` is the kind, not the plural. */
export function invalid(subject: Subject, causes: readonly FieldCause[]): Failure {
  const lines = unique(causes).map((cause) =>
    cause.field === '' ? cause.message : `${cause.field}: ${cause.message}`,
  );
  const text = lines.length === 1 ? (lines[0] ?? '') : `[${lines.join(', ')}]`;
  return new Failure(
    422,
    'Invalid',
    `${qualified(subject)} "${subject.name ?? ''}" is invalid: ${text}`,
    detailsOf(subject, causes),
  );
}

/** The same sentence twice helps nobody. */
const unique = (causes: readonly FieldCause[]): FieldCause[] =>
  causes.filter(
    (cause, index) =>
      causes.findIndex((other) => other.field === cause.field && other.message === cause.message) === index,
  );

export const badRequest = (message: string): Failure => new Failure(400, 'BadRequest', message);

export const expired = (message: string): Failure => new Failure(410, 'Expired', message);

export const methodNotAllowed = (): Failure =>
  new Failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

/** A path of a built-in group that serves nothing. */
export const noSuchResource = (): Failure =>
  new Failure(404, 'NotFound', 'the server could not find the requested resource', {});

export const unsupportedMediaType = (accepted: readonly string[]): Failure =>
  new Failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

export const tooManyRequests = (seconds: number): Failure =>
  new Failure(429, 'TooManyRequests', 'The apiserver is shutting down or overloaded, please try again later.', {
    retryAfterSeconds: seconds,
  });

/** A 500 without a reason: what the real server answers for errors that it did not foresee. */
export const plainError = (message: string): Failure => new Failure(500, '', message);
