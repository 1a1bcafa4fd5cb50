import { channel } from 'node:diagnostics_channel'
import type { EnvEvent } from '../env/env.js'

export type EventListener = (value: unknown) => void

/**
 * Everybody in this thread who listens to the events of an Env: functions, and subscribers of the channels
 * `rocksdb-cloud-env:<event>` of `node:diagnostics_channel`.
 */
export class EnvEvents {
  readonly #listeners = new Map<string, Set<EventListener>>()

  /** @param names of the events that the Env has. */
  constructor(names: readonly string[]) {
    for (const name of names) this.#listeners.set(name, new Set())
  }

  /**
   * Adds a listener; the returned function removes it.
   * @throws TypeError the Env has no such event.
   */
  on(name: string, listener: EventListener): () => void {
    const listeners = this.#listeners.get(name)
    if (!listeners) {
      const known = [...this.#listeners.keys()].join(', ')
      throw new TypeError(`unknown event ${JSON.stringify(name)}; this Env has ${known || 'none'}`)
    }
    // A function of its own for each call: a listener may be added twice, and each call's result removes one.
    const added: EventListener = (value) => listener(value)
    listeners.add(added)
    return () => listeners.delete(added)
  }

  /** Names of the events that somebody listens to at the moment. A channel does not tell when that changes. */
  get wanted(): readonly string[] {
    return [...this.#listeners]
      .filter(([name, listeners]) => listeners.size > 0 || channelOf(name).hasSubscribers)
      .map(([name]) => name)
  }

  publish(events: readonly EnvEvent[]): void {
    for (const { name, value } of events) {
      for (const listener of this.#listeners.get(name) ?? []) listener(value)
      channelOf(name).publish(value)
    }
  }
}

function channelOf(name: string) {
  return channel(`rocksdb-cloud-env:${name}`)
}
