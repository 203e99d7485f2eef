import { networkOf } from '@sallyport/security-context/mechanics'

/** What the log has of an address: its network, nothing, or all of it. */
export const LOGGED_ADDRESSES = ['network', 'none', 'full'] as const

/** See {@link LOGGED_ADDRESSES}. */
export type LoggedAddresses = (typeof LOGGED_ADDRESSES)[number]

/**
 * What a line of the log has in place of an address. An audit trail seals addresses under keys of persons, and an
 * erasure ends the key; a line of the log is beyond its reach, so by default it names nobody.
 * @returns `192.0.2.0/24` or `2001:db8:1::/48`, the address, or nothing
 */
export function loggedAddress(address: unknown, logged: LoggedAddresses): string | undefined {
  if (typeof address !== 'string' || logged === 'none') return undefined
  return logged === 'full' ? address : networkOf(address)
}

/** Parts of headers, parameters and members, in lower case and without `_` and `-`, whose values are about a person. */
const PERSONAL_LOG_NAMES: ReadonlySet<string> = new Set([
  'useragent',
  'forwarded',
  'xforwardedfor',
  'xrealip',
  'sourceaddress',
  'peeraddress',
  'nametried',
  'username',
  'loginhint'
])
/** Of parameters alone: a member `name` is that of a process or an error. */
const PERSONAL_PARAMETERS: ReadonlySet<string> = new Set([...PERSONAL_LOG_NAMES, 'name'])

/** Whether a member of a line is about a person: whoever logs all headers of a request logs these too. */
export const isPersonalLogName = (name: string): boolean => PERSONAL_LOG_NAMES.has(plainLogName(name))

/** Whether a parameter of a URL or a form is about a person: operators search the trail by names and addresses. */
export function isPersonalParameter(name: string): boolean {
  try {
    return PERSONAL_PARAMETERS.has(plainLogName(name.includes('%') ? decodeURIComponent(name) : name))
  } catch {
    return true
  }
}

const LONGEST_PERSONAL_NAME = 64

function plainLogName(name: string): string {
  return name.length > LONGEST_PERSONAL_NAME ? name : name.toLowerCase().replaceAll(/[_-]/g, '')
}
