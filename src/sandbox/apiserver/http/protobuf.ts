/**
 * Request bodies in Kubernetes' protobuf form, which `kubectl create namespace` and its siblings send. Answers are always JSON: every
 * client that sends protobuf also accepts that. Field numbers are in `schema/protobuf.json`.
 */
import { readFileSync } from 'node:fs';
import { badRequest } from '../failure.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { packageFile } from '../../../package-files.ts';

interface Field {
  readonly name: string;
  readonly type: string;
  readonly shape: 'one' | 'pointer' | 'list' | 'map';
}

export type Messages = ReadonlyMap<string, ReadonlyMap<number, Field>>;

const SHAPES: Readonly<Record<string, Field['shape']>> = { '*': 'pointer', '[': 'list', '{': 'map' };

export function readMessages(): Messages {
  const text = readFileSync(packageFile('src/sandbox/apiserver/schema/protobuf.json'), 'utf8');
  const raw = JSON.parse(text) as Record<string, readonly string[]>;
  return new Map(
    Object.entries(raw).map(([message, lines]) => [
      message,
      new Map(
        lines.map((line) => {
          const [number = '', name = '', type = ''] = line.split(' ');
          const shape = SHAPES[type.charAt(0)] ?? 'one';
          return [Number(number), { name, shape, type: shape === 'one' ? type : type.slice(1) }];
        }),
      ),
    ]),
  );
}

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const MAGIC = Buffer.from('k8s\0');

/** The object in an enveloped body. Kinds that the sandbox does not know are refused. */
export function decodeProtobuf(body: Buffer, messages: Messages): JsonObject {
  if (!body.subarray(0, 4).equals(MAGIC))
    throw badRequest('the protobuf body does not begin with the magic bytes of Kubernetes');
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  for (const { number, bytes } of partsOf(body.subarray(4))) {
    if (number === 1) {
      for (const part of partsOf(bytes)) {
        if (part.number === 1) apiVersion = part.bytes.toString('utf8');
        if (part.number === 2) kind = part.bytes.toString('utf8');
      }
    } else if (number === 2) raw = bytes;
  }
  const group = apiVersion.includes('/') ? (apiVersion.split('.')[0]?.split('/')[0] ?? '') : 'core';
  const name =
    kind === 'DeleteOptions' ? 'meta.v1.DeleteOptions' : `${group}.${apiVersion.split('/').at(-1) ?? ''}.${kind}`;
  if (!messages.has(name))
    throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  return { apiVersion, kind, ...decodeMessage(raw, name, messages) };
}

function decodeMessage(bytes: Buffer, message: string, messages: Messages): JsonObject {
  const fields = messages.get(message);
  const result: JsonObject = {};
  for (const part of partsOf(bytes)) {
    const field = fields?.get(part.number);
    if (field === undefined) continue;
    if (field.shape === 'map') {
      const entries = isObject(result[field.name]) ? (result[field.name] as JsonObject) : {};
      const [key, value] = mapEntry(part.bytes, field.type, messages);
      result[field.name] = { ...entries, [key]: value };
      continue;
    }
    const value = decodeValue(part, field.type, messages);
    if (field.shape === 'list') {
      const items = result[field.name];
      result[field.name] = [...(Array.isArray(items) ? items : []), value];
    } else if (field.shape === 'pointer' || !isZero(value)) result[field.name] = value;
  }
  return result;
}

/** Unset fields that are no pointers are sent as zeros; JSON leaves them out. */
const isZero = (value: Json): boolean => value === '' || value === 0 || value === false || value === null;

function mapEntry(bytes: Buffer, type: string, messages: Messages): readonly [string, Json] {
  let key = '';
  let value: Json = '';
  for (const part of partsOf(bytes)) {
    if (part.number === 1) key = part.bytes.toString('utf8');
    if (part.number === 2) value = decodeValue(part, type, messages);
  }
  return [key, value];
}

function decodeValue(part: Part, type: string, messages: Messages): Json {
  switch (type) {
    case 'string':
      return part.bytes.toString('utf8');
    case 'bytes':
      return part.bytes.toString('base64');
    case 'bool':
      return part.number64 !== 0n;
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
      return Number(BigInt.asIntN(64, part.number64));
    case 'double':
      return part.bytes.readDoubleLE();
    case 'meta.v1.Time':
    case 'meta.v1.MicroTime':
      return timeOf(part.bytes, type === 'meta.v1.MicroTime');
    case 'api.resource.Quantity':
      return (
        partsOf(part.bytes)
          .find(({ number }) => number === 1)
          ?.bytes.toString('utf8') ?? '0'
      );
    case 'util.intstr.IntOrString':
      return intOrString(part.bytes);
    case 'meta.v1.FieldsV1':
      return parseRaw(partsOf(part.bytes).find(({ number }) => number === 1)?.bytes);
    default:
      return decodeMessage(part.bytes, type, messages);
  }
}

function intOrString(bytes: Buffer): Json {
  const parts = partsOf(bytes);
  const isText = parts.some(({ number, number64 }) => number === 1 && number64 === 1n);
  if (isText) return parts.find(({ number }) => number === 3)?.bytes.toString('utf8') ?? '';
  return Number(BigInt.asIntN(64, parts.find(({ number }) => number === 2)?.number64 ?? 0n));
}

/** Seconds since the epoch and nanoseconds; the zero time is null. */
function timeOf(bytes: Buffer, micro: boolean): Json {
  const parts = partsOf(bytes);
  const seconds = BigInt.asIntN(64, parts.find(({ number }) => number === 1)?.number64 ?? 0n);
  const nanos = Number(parts.find(({ number }) => number === 2)?.number64 ?? 0n);
  if (parts.length === 0 || seconds < -62_000_000_000n) return null;
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.trunc(nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}

function parseRaw(bytes: Buffer | undefined): Json {
  if (bytes === undefined || bytes.length === 0) return {};
  try {
    return JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    throw badRequest('a raw value in the protobuf body is not JSON');
  }
}

/** One field on the wire: a varint in `number64`, or bytes. */
interface Part {
  readonly number: number;
  readonly number64: bigint;
  readonly bytes: Buffer;
}

const NO_BYTES = Buffer.alloc(0);

function partsOf(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw badRequest('the protobuf body ends in the middle of a number');
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw badRequest('the protobuf body is shorter than it says');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        parts.push({ number, number64: varint(), bytes: NO_BYTES });
        break;
      case 1:
        parts.push({ number, number64: 0n, bytes: take(8) });
        break;
      case 2:
        parts.push({ number, number64: 0n, bytes: take(Number(varint())) });
        break;
      case 5:
        parts.push({ number, number64: 0n, bytes: take(4) });
        break;
      default:
        throw badRequest('the protobuf body has a part of an unknown kind');
    }
  }
  return parts;
}
