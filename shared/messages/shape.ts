/**
 * What a JSON value must look like, checked by hand and worded as the Messages API words it. A daemon that is always
 * resident holds this instead of a schema library, and gets the API's own sentences for it.
 */

import { ApiError } from './error.ts';

/** Throws when `value`, found at the path `at`, does not fit. */
export type Shape = (value: unknown, at: string) => void;

/** The fields of an object, in the order in which the API reports them. */
export type Fields = Record<string, Shape | { optional: Shape }>;

export function refuse(message: string): never {
  throw new ApiError('invalid_request_error', message);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const inside = (at: string, key: string | number) => (at === '' ? `${key}` : `${at}.${key}`);
const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`);

export const anything: Shape = () => {};

export const string: Shape = (value, at) => {
  if (typeof value !== 'string') refuse(`${at}: Input should be a valid string`);
};

export const boolean: Shape = (value, at) => {
  if (typeof value !== 'boolean') refuse(`${at}: Input should be a valid boolean`);
};

export const integer: Shape = (value, at) => {
  if (!Number.isInteger(value)) refuse(`${at}: Input should be a valid integer`);
};

/** The API names the range of a probability, not the side that was passed. */
export const fraction: Shape = (value, at) => {
  if (typeof value !== 'number') refuse(`${at}: Input should be a valid number`);
  if (value < 0 || value > 1) refuse(`${at}: range: 0..1`);
};

export const object: Shape = (value, at) => {
  if (!isObject(value)) refuse(`${at}: Input should be an object`);
};

export function oneOf(...allowed: string[]): Shape {
  const all = quoted(allowed);
  const listed = all.length > 1 ? `${all.slice(0, -1).join(', ')} or ${all.at(-1)}` : all[0];
  return (value, at) => {
    if (typeof value !== 'string' || !allowed.includes(value)) refuse(`${at}: Input should be ${listed}`);
  };
}

export function orNull(shape: Shape): Shape {
  return (value, at) => {
    if (value !== null) shape(value, at);
  };
}

export function both(first: Shape, second: Shape): Shape {
  return (value, at) => {
    first(value, at);
    second(value, at);
  };
}

export function list(item: Shape): Shape {
  return (value, at) => {
    if (!Array.isArray(value)) refuse(`${at}: Input should be a valid array`);
    for (const [index, element] of value.entries()) item(element, inside(at, index));
  };
}

export function stringOr(other: Shape): Shape {
  return (value, at) => {
    if (typeof value !== 'string') other(value, at);
  };
}

/** An object with these fields; with any others too when it is `open`. */
export function fields(known: Fields, open: 'open' | 'closed' = 'closed'): Shape {
  return (value, at) => {
    if (!isObject(value)) refuse(`${at}: Input should be an object`);
    for (const [key, field] of Object.entries(known)) {
      const shape = typeof field === 'function' ? field : field.optional;
      if (value[key] !== undefined) shape(value[key], inside(at, key));
      else if (shape === field) refuse(`${inside(at, key)}: Field required`);
    }
    if (open === 'open') return;
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(known, key)) refuse(`${inside(at, key)}: Extra inputs are not permitted`);
    }
  };
}

/** An object whose `type` says which of the shapes it has; the tag becomes a part of the path, as in the API's errors. */
export function tagged(shapes: Record<string, Shape>): Shape {
  const tags = quoted(Object.keys(shapes)).join(', ');
  return (value, at) => {
    if (!isObject(value)) refuse(`${at}: Input should be an object`);
    const { type: tag } = value;
    if (tag === undefined) refuse(`${at}.type: Field required`);
    const shape = Object.hasOwn(shapes, String(tag)) ? shapes[String(tag)] : undefined;
    if (!shape) {
      refuse(`${at}: Input tag '${tag}' found using 'type' does not match any of the expected tags: ${tags}`);
    }
    shape(value, inside(at, String(tag)));
  };
}
