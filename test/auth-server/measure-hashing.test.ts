import t from 'tap'
import { hashingMeasurements } from '../../auth-server/src/accounts/passwords/measure-hashing.ts'
import { createPasswordHasher } from '../../auth-server/src/accounts/passwords/password-hasher.ts'

t.test('password hashes that run, wait and were refused are measured', async t => {
  const ends: Array<() => void> = []
  const hasher = createPasswordHasher({
    concurrency: 1,
    queueLength: 2,
    timer: () => ({ stop: () => {} }),
    hashFunction: {
      hash: async () =>
        await new Promise<string>(resolve => {
          ends.push(() => resolve('$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA'))
        }),
      verify: async () => false
    }
  })
  const values = async (): Promise<unknown> =>
    await Promise.all(hashingMeasurements(hasher).map(async ({ read }) => await read()))
  t.strictSame(await values(), [0, 0, 2, 0])
  const hashes = [1, 2, 3].map(async () => await hasher.hash('a password'))
  await t.rejects(hasher.hash('one too many'), { code: 'SALLYPORT_AUTH_SERVER_PASSWORD_QUEUE_FULL' })
  t.strictSame(await values(), [1, 2, 2, 1])
  for (let ended = 0; ended < 3; ended++) {
    ends[ended]?.()
    await hashes[ended]
    await new Promise(setImmediate)
  }
  t.strictSame(await values(), [0, 0, 2, 1])
})
