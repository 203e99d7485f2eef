import { InvalidValueError } from '../errors.ts'
import { PUBLIC_METHODS, SECRET_METHODS } from '../protocol/client-authentication/methods.ts'
import {
  changeMistakes,
  initialFields,
  isClientChange,
  isClientRegistration,
  registrationMistakes,
  type ClientRegistration
} from '../store/client-fields.ts'
import type { Store } from '../store/contract.ts'
import { referenceMistakes } from './client-references.ts'
import { clientMistakes } from './client-rules.ts'
import { refuseMistakes } from './check-values.ts'

/** Fields that have no value at first. */
type Said = 'id' | 'grantTypes'

/** A client to create. One of which nothing else is said is confidential, with both secret methods. */
export interface NewClient extends Partial<Omit<ClientRegistration, Said>>, Pick<ClientRegistration, Said> {
  /** For demo data; a random one by default. At least 32 characters. */
  readonly secret?: string
}

/** Whether a client has secrets. */
export const usesSecrets = ({ authenticationMethods }: ClientRegistration): boolean =>
  SECRET_METHODS.some(method => authenticationMethods.includes(method))

/** Fields of a client that are to change. */
export type ClientChanges = Partial<ClientRegistration>

/** A new client with what follows from what is said. */
const withInitialFields = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  ...initialFields(),
  authenticationMethods: fields.confidential === false ? PUBLIC_METHODS : SECRET_METHODS,
  name: fields.id,
  ...fields
})

/**
 * The whole registration of a new client; what is not said is as it is at first.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID` for fields out of their bounds, all of them
 */
export function newRegistration(fields: Readonly<Record<string, unknown>>): ClientRegistration {
  const whole = withInitialFields(fields)
  if (!isClientRegistration(whole)) throw new InvalidValueError(registrationMistakes(whole).join('; '))
  return whole
}

/**
 * A registration after a change.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID` for fields out of their bounds, all of them
 */
export function changedRegistration(before: ClientRegistration, changes: ClientChanges): ClientRegistration {
  const after = { ...before, ...changes }
  if (!isClientRegistration(after)) throw new InvalidValueError(registrationMistakes(after).join('; '))
  return after
}

/**
 * Refuses a registration that breaks a rule or names what is not there. Call it under the lock of the registry.
 * @param changed the fields that are new; all of them by default
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`, with everything that is wrong
 */
export async function refuseRegistration(
  store: Store,
  registration: ClientRegistration,
  changed?: readonly string[]
): Promise<void> {
  const mistakes = [
    ...clientMistakes(registration, changed),
    ...(await referenceMistakes(store, registration, changed))
  ]
  refuseMistakes(mistakes)
}

/**
 * Changes that come as anything at all.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export function parseClientChanges(fields: Readonly<Record<string, unknown>>): ClientChanges {
  if (!isClientChange(fields)) throw new InvalidValueError(changeMistakes(fields).join('; '))
  return fields
}
