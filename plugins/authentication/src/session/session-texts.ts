import type { DeviceName } from './device-name.ts'

/** Every text of the pages about sessions. */
export const SESSION_TEXTS = Object.freeze({
  sessionTitle: 'Your session',
  sessionsTitle: 'Your sessions',
  loggedInAs: 'Logged in as',
  roles: 'Roles',
  loggedInBy: 'Logged in by',
  byIssuer: 'the login page',
  byPassword: 'password',
  byToken: 'a token',
  methods: 'Proven by',
  loggedInAt: 'Logged in at',
  tokenUntil: 'Access until, renewed by itself',
  sessionUntil: 'Ends',
  allSessions: 'See all sessions',
  thisSession: 'Back to this session',
  logOut: 'Log out',
  logOutEverywhere: 'Log out everywhere',
  end: 'End',
  current: 'This device',
  began: 'Began',
  lastUsed: 'Last used',
  from: 'From',
  none: 'There are no sessions.',
  endedTitle: 'Logged out',
  ended: 'You are not logged in here any more.',
  logInAgain: 'Log in again',
  unknownDevice: 'Unknown device',
  unnamedBrowser: 'A browser',
  deviceOnSystem: (browser: string, system: string) => `${browser} on ${system}`
})

/** A device in words. */
export function deviceText({ browser, system }: DeviceName): string {
  if (browser !== null && system !== null) return SESSION_TEXTS.deviceOnSystem(browser, system)
  if (system !== null) return SESSION_TEXTS.deviceOnSystem(SESSION_TEXTS.unnamedBrowser, system)
  return browser ?? SESSION_TEXTS.unknownDevice
}
