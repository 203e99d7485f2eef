import { InvalidValueError } from '../errors.ts'
import { methodsWith } from '../protocol/client-authentication/methods.ts'
import {
  changeMistakes,
  initialFields,
  isClientChange,
  isClientRegistration,
  registrationMistakes,
  type ClientRegistration
} from '../store/client-fields.ts'
import { clientMistakes } from './client-rules.ts'

/** Fields that have no value at first. */
type Said = 'id' | 'grantTypes'

/** A client to create. One of which nothing else is said is confidential, with both secret methods. */
export interface NewClient extends Partial<Omit<ClientRegistration, Said>>, Pick<ClientRegistration, Said> {
  /** For demo data; a random one by default. At least 32 characters. */
  readonly secret?: string
}

/** Methods that need a secret, which a client has unless it says otherwise. */
const SECRET_METHODS = methodsWith(({ needs }) => needs === 'secret')
const PUBLIC_METHODS = methodsWith(({ needs }) => needs === null)

/** Whether a client has secrets. */
export const usesSecrets = ({ authenticationMethods }: ClientRegistration): boolean =>
  SECRET_METHODS.some(method => authenticationMethods.includes(method))

/** Fields of a client that are to change. */
export type ClientChanges = Partial<ClientRegistration>

/** A new client with what follows from what is said. */
const completed = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  ...initialFields(),
  authenticationMethods: fields.confidential === false ? PUBLIC_METHODS : SECRET_METHODS,
  name: fields.id,
  ...fields
})

/**
 * The whole registration of a new client; what is not said is as it is at first.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`, with everything that is wrong
 */
export function newRegistration(fields: Readonly<Record<string, unknown>>): ClientRegistration {
  return checkedRegistration(completed(fields))
}

/**
 * A registration after a change.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`, with everything that is wrong
 */
export function changedRegistration(before: ClientRegistration, changes: ClientChanges): ClientRegistration {
  return checkedRegistration({ ...before, ...changes }, Object.keys(changes))
}

function checkedRegistration(
  fields: Readonly<Record<string, unknown>>,
  changed?: readonly string[]
): ClientRegistration {
  if (!isClientRegistration(fields)) throw new InvalidValueError(registrationMistakes(fields).join('; '))
  const mistakes = clientMistakes(fields, changed)
  if (mistakes.length > 0) throw new InvalidValueError(mistakes.join('; '))
  return fields
}

/**
 * Changes that come as anything at all.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export function parseClientChanges(fields: Readonly<Record<string, unknown>>): ClientChanges {
  if (!isClientChange(fields)) throw new InvalidValueError(changeMistakes(fields).join('; '))
  return fields
}
