import type { Measurement } from '@sallyport/security-context'
import type { PasswordHasher } from './password-hasher.ts'

/** What operators watch of password hashing, which is what a flood of logins fills first. */
export function hashingMeasurements({ counts, queueLength }: PasswordHasher): Measurement[] {
  return [
    {
      name: 'sallyport_password_hashes_running',
      help: 'Password hashes that are being computed',
      kind: 'gauge',
      read: () => counts().running
    },
    {
      name: 'sallyport_password_hashes_waiting',
      help: 'Password hashes that wait for their turn',
      kind: 'gauge',
      read: () => counts().waiting
    },
    {
      name: 'sallyport_password_hashes_waiting_limit',
      help: 'Password hashes that may wait; one more is refused',
      kind: 'gauge',
      read: () => queueLength
    },
    {
      name: 'sallyport_password_hashes_refused_total',
      help: 'Password hashes that were refused: too many waited, or for too long',
      kind: 'counter',
      read: () => counts().refused
    }
  ]
}
