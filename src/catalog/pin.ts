/**
 * A **pin** protects objects of a database that somebody else needs: a clone in another place, or an operation that is
 * about to refer to them. Owners and collectors spare what a pin names. It is an object beside those that it names, so
 * that one listing shows every state and every pin. Its holder writes it before it relies on anything, then looks
 * whether the objects are still needed by a state of the database: from then on they stay.
 */
import { EnvError, unlessNotFound } from '../env/env-error.js'
import type { Random } from '../env/system.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import { CasObject } from '../store/cas-object.js'
import { type DatabasePlace, objectKey, objectUrl } from './database-place.js'

export interface Pin {
  /**
   * `clone` for as long as the clone does not stand alone; `operation` for a while: see {@link isExpired}.
   */
  readonly kind: 'clone' | 'operation'
  /** Time after which a pin of an operation expires. Default: {@link pinLifetimeMs}. */
  readonly lifetimeMs?: number
  /** URL of the clone, or what the operation does. The text comes from the bucket: escape it before printing. */
  readonly holder: string
  /** Names of objects at the same place. */
  readonly objects: readonly string[]
}

/** No operation holds on longer without writing its pin again. */
export const pinLifetimeMs = 24 * 60 * 60 * 1000

/** Half a million names of objects. */
const maxPinBytes = 32 * 2 ** 20

export function encodePin(pin: Pin): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: 1, ...pin })}\n`)
}

/** @throws EnvError Corruption, NotSupported */
export function decodePin(body: Uint8Array, name: string): Pin {
  const corrupt = (what: string, cause?: unknown) =>
    new EnvError(
      'Corruption',
      `${name} ${what}, and should say which objects somebody needs. Remove it if nobody does`,
      { cause },
    )
  let pin: Partial<Pin> & { readonly version?: unknown }
  try {
    pin = JSON.parse(Buffer.from(body).toString()) ?? {}
  } catch (cause) {
    throw corrupt('is no JSON', cause)
  }
  const { version, kind, lifetimeMs, holder, objects } = pin
  if (version !== 1) throw new EnvError('NotSupported', `${name} is of a later version: version ${version}`)
  const isPin =
    (kind === 'clone' || kind === 'operation') &&
    (lifetimeMs === undefined || Number.isFinite(lifetimeMs)) &&
    typeof holder === 'string' &&
    Array.isArray(objects) &&
    objects.every((object) => typeof object === 'string')
  if (!isPin) throw corrupt('lacks a field')
  return { kind, ...(lifetimeMs !== undefined && { lifetimeMs }), holder, objects }
}

/** @returns undefined if it is gone. @throws EnvError Corruption, NotSupported */
export async function readPin(place: DatabasePlace, id: string): Promise<Pin | undefined> {
  const name = objectName({ kind: 'pin', id })
  const range = { offset: 0, length: maxPinBytes }
  const found = await unlessNotFound(place.store.get(objectKey(place, name), range))
  return found && decodePin(found.body, objectUrl(place, name))
}

/**
 * Pin that a holder writes. A write that is delivered late or twice changes nothing: each replaces the version before.
 */
export function pinObject(place: DatabasePlace, id: string, random: Random): CasObject {
  return new CasObject(place.store, objectKey(place, objectName({ kind: 'pin', id })), undefined, random)
}

export async function removePin(place: DatabasePlace, id: string): Promise<void> {
  await place.store.deleteMany([objectKey(place, objectName({ kind: 'pin', id }))])
}

/** A pin that lies beside the objects that it names. */
export interface PlacedPin {
  readonly id: string
  readonly written: Date
  /** Undefined: unreadable, so that nobody knows what it protects. */
  readonly pin: Pin | undefined
}

/** Pins among listed objects. One that is gone by now is left out. */
export async function readPins(
  place: DatabasePlace,
  objects: Iterable<{ readonly parsed: ObjectName; readonly modified: Date }>,
): Promise<PlacedPin[]> {
  const pins: PlacedPin[] = []
  for (const { parsed, modified: written } of objects) {
    if (parsed.kind !== 'pin') continue
    const { id } = parsed
    try {
      const pin = await readPin(place, id)
      if (pin) pins.push({ id, written, pin })
    } catch (error) {
      if (!EnvError.is(error, 'Corruption') && !EnvError.is(error, 'NotSupported')) throw error
      pins.push({ id, written, pin: undefined })
    }
  }
  return pins
}

/** Reports whether the operation that held it must have ended long ago. */
export function isExpired({ kind, lifetimeMs = pinLifetimeMs }: Pin, written: Date, storeNow: Date): boolean {
  return kind === 'operation' && written.getTime() + lifetimeMs < storeNow.getTime()
}

/**
 * Lets the pin of a clone expire once nobody can ask for a past state that needs what it protects, and in a day at the
 * earliest: the clone's owner, and readers of older states, may still read that.
 */
export async function expirePin(place: DatabasePlace, id: string, retentionMs: number): Promise<void> {
  const pin = await readPin(place, id)
  if (pin?.kind !== 'clone') return
  const key = objectKey(place, objectName({ kind: 'pin', id }))
  await place.store.put(
    key,
    encodePin({ ...pin, kind: 'operation', lifetimeMs: Math.max(pinLifetimeMs, retentionMs) }),
  )
}
