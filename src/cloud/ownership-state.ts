/**
 * The stages of one opening for writing, as far as the store is concerned.
 *
 * - `creating`: there is no database yet; the CLOUDMANIFEST has not been sent.
 * - `migrating`: the database is in the local directory only, and its files are on their way into the store.
 * - `candidate`: reads a database that it is going to take over; the present owner can't notice.
 * - `overtaken`: somebody else changed the database before the candidate claimed it.
 * - `unsettled`: the CLOUDMANIFEST was sent, and it is unknown whether it arrived.
 * - `owned`: the CLOUDMANIFEST names this epoch.
 * - `fenced`: it names another one, or is gone.
 * - `destroying`: this opening is about to destroy it, or tried to.
 * - `destroyed`: the CLOUDMANIFEST says so, by this opening, or no database came to be.
 */
export type OwnershipState =
  | 'creating'
  | 'migrating'
  | 'candidate'
  | 'overtaken'
  | 'unsettled'
  | 'owned'
  | 'fenced'
  | 'destroying'
  | 'destroyed'

/**
 * - `send`: the CLOUDMANIFEST is about to be sent.
 * - `win`: it was written.
 * - `lose`: somebody else was first, and no CLOUDMANIFEST can name this epoch any more.
 * - `displace`: the CLOUDMANIFEST belongs to somebody else, or is gone.
 * - `delete`: the CLOUDMANIFEST that says so is about to be sent.
 * - `destroy`: there is no database any more, or none came to be.
 */
export type OwnershipEvent = 'send' | 'win' | 'lose' | 'displace' | 'delete' | 'destroy'

type Transitions = Readonly<Partial<Record<OwnershipEvent, OwnershipState>>>

const transitions: Readonly<Record<OwnershipState, Transitions>> = {
  creating: { send: 'unsettled', displace: 'fenced', destroy: 'destroyed' },
  migrating: { send: 'unsettled', displace: 'fenced', destroy: 'destroyed' },
  candidate: { send: 'unsettled', lose: 'overtaken', displace: 'fenced' },
  overtaken: {},
  unsettled: { send: 'unsettled', win: 'owned', lose: 'overtaken', displace: 'fenced' },
  owned: { displace: 'fenced', delete: 'destroying' },
  fenced: {},
  destroying: { destroy: 'destroyed', displace: 'fenced' },
  destroyed: {},
}

/** @throws Error for an event that the state does not have: a mistake in this program. */
export function nextOwnershipState(state: OwnershipState, event: OwnershipEvent): OwnershipState {
  const next = transitions[state][event]
  if (next === undefined) throw new Error(`"${event}" is impossible while a database is ${state}`)
  return next
}

/** Reports whether no CLOUDMANIFEST names the epoch, or ever will: then its objects are nobody's but the writer's. */
export function isNeverNamed(state: OwnershipState): boolean {
  return state === 'creating' || state === 'candidate' || state === 'overtaken'
}
