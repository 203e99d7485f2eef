import { argon2id, createPasswordHasher } from '@sallyport/auth-server'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t from 'tap'
import { CHEAP, FACTS, login, startServer, token } from '../support/authorization-server.ts'

const secret = (name: string): string => name.padEnd(32, '.')
const hashOf = async (db: Knex, username = 'customer1'): Promise<string> =>
  (await db('users').where({ username }).first()).password_hash
const statusOf = async (app: FastifyInstance, username: keyof typeof FACTS.users): Promise<number> =>
  (await login(app, username)).status

t.test(
  'peppers are turned on, rotated and turned off, and everybody logs in all the time, whether or not they did in between',
  async t => {
    const { db, another } = await startServer(t)
    const steps: ReadonlyArray<readonly [string | undefined, RegExp]> = [
      [undefined, /p=1\$/],
      [`p1:${secret('first')}`, /p=1,keyid=p1\$/],
      [`p2:${secret('second')} p1:${secret('first')}`, /p=1,keyid=p2\$/],
      [`none p2:${secret('second')} p1:${secret('first')}`, /p=1\$/],
      [`p3:${secret('third')} p2:${secret('second')} p1:${secret('first')}`, /p=1,keyid=p3\$/]
    ]
    const absent = ['customer2', 'restaurant1', 'admin1'] as const
    for (const [step, [passwordPeppers, form]] of steps.entries()) {
      const app = await another(passwordPeppers === undefined ? {} : { passwordPeppers })
      t.equal(await statusOf(app, 'customer1'), 200, `step ${step}`)
      t.match(await hashOf(db), form, 'renewed at the login')
      t.equal(await statusOf(app, 'customer1'), 200, 'the renewed hash is right')
      t.equal(
        (await token(app, 'gateway', { grant_type: 'password', username: 'customer1', password: 'wrong' })).status,
        400
      )
      const late = absent[step - 1]
      if (late !== undefined) t.equal(await statusOf(app, late), 200, `${late} logs in for the first time since`)
    }
  }
)

t.test(
  'a hash whose pepper is not in the ring is refused after the same work, with one clear line, and is not lost',
  async t => {
    const lines: string[] = []
    let hashes = 0
    const counting = {
      hash: argon2id.hash,
      verify: async (...call: Parameters<typeof argon2id.verify>) => {
        hashes++
        return await argon2id.verify(...call)
      }
    }
    const { db, another } = await startServer(t)
    const peppered = await another({ passwordPeppers: `p1:${secret('first')}` })
    t.equal(await statusOf(peppered, 'customer1'), 200)
    const app = await another(
      { passwordPeppers: `p2:${secret('second')}` },
      {
        passwordHashFunction: counting,
        report: (_error, message) => {
          lines.push(message)
        }
      }
    )
    const answers = []
    for (const [username, password] of [
      ['customer1', FACTS.users.customer1.password],
      ['customer1', 'wrong'],
      ['nobody', 'wrong']
    ] as const) {
      hashes = 0
      const { status, text } = await token(app, 'gateway', { grant_type: 'password', username, password })
      answers.push({ status, text, hashes })
    }
    t.equal(new Set(answers.map(answer => JSON.stringify(answer))).size, 1, 'one answer, one work')
    t.equal(answers[0]?.hashes, 1)
    t.strictSame(lines, [
      'password hashes name the pepper "p1", which is not in passwordPeppers: their passwords are refused'
    ])
    t.notMatch(lines.join(''), new RegExp(secret('first')), 'never the secret')
    t.match(await hashOf(db), /keyid=p1/)
    t.equal(await statusOf(peppered, 'customer1'), 200, 'with its pepper it counts again')
  }
)

t.test(
  'the setting from before peppers had ids stays good: it is tried for hashes without one, and so is none, at the same work for all',
  async t => {
    const unnamed = secret('of-before')
    let hashes = 0
    const counting = {
      hash: argon2id.hash,
      verify: async (...call: Parameters<typeof argon2id.verify>) => {
        hashes++
        return await argon2id.verify(...call)
      }
    }
    const { db, another } = await startServer(t)
    const ofBefore = await argon2id.hash(FACTS.users.customer2.password, CHEAP, Buffer.from(unnamed))
    await db('users').where({ username: 'customer2' }).update({ password_hash: ofBefore })
    const app = await another({ passwordPepper: unnamed }, { passwordHashFunction: counting })
    t.equal(await statusOf(app, 'customer2'), 200, 'made with it')
    t.equal(await statusOf(app, 'customer1'), 200, 'made before it was turned on')
    for (const username of ['customer1', 'customer2']) t.match(await hashOf(db, username), /keyid=unnamed/)
    const works = []
    for (const username of ['customer1', 'restaurant1', 'nobody']) {
      hashes = 0
      await token(app, 'gateway', { grant_type: 'password', username, password: 'wrong' })
      works.push(hashes)
    }
    t.strictSame(works, [2, 2, 2], 'named, unnamed, unknown')
    const ring = await another({ passwordPepper: unnamed, passwordPeppers: `p1:${secret('first')}` })
    for (const username of ['customer1', 'restaurant1'] as const) t.equal(await statusOf(ring, username), 200, username)
    t.match(await hashOf(db), /keyid=p1/)
    const moved = await another({ passwordPeppers: `p1:${secret('first')} unnamed:${unnamed}` })
    t.equal(await statusOf(moved, 'customer2'), 200, 'when no hash is without an id, it is a pepper like the others')
  }
)

t.test('a ring that cannot be right is refused at boot, all mistakes at once and no secret among them', async t => {
  const { another } = await startServer(t)
  const refused = await another({
    passwordPeppers: `p1:short p2:${secret('twice')} p2:${secret('twice')} bad/id:${secret('x')} unnamed:${secret('y')}`,
    passwordPepper: secret('z')
  }).catch((error: unknown) => error)
  t.match(refused, {
    code: 'SALLYPORT_AUTH_SERVER_SETTINGS_INVALID',
    message: /pepper 1 .*; .*pepper 3 has the id of another; .*pepper 4 .*; the id unnamed/
  })
  t.notMatch(String(refused), /short|twice/)
})

t.test('a decoy hash that fails once ends one login, not all of them', async t => {
  let failures = 1
  const failing = {
    hash: async (...call: Parameters<typeof argon2id.hash>) => {
      if (failures-- > 0) throw new Error('out of memory')
      return await argon2id.hash(...call)
    },
    verify: argon2id.verify
  }
  const { app } = await startServer(t, {}, { passwordHashFunction: failing })
  t.equal((await login(app)).status, 500)
  t.equal((await login(app)).status, 200)
  const hasher = createPasswordHasher({
    parameters: CHEAP,
    concurrency: 1,
    queueLength: 1,
    hashFunction: { hash: async () => await Promise.reject(new Error('planned')), verify: argon2id.verify }
  })
  for (const attempt of [1, 2]) await t.rejects(hasher.verify(null, 'x'), { message: 'planned' }, `attempt ${attempt}`)
})

t.test(
  'a right password is a login also when its hash cannot be renewed, whether the second hash fails or the database',
  async t => {
    const lines: string[] = []
    const { db, another } = await startServer(t)
    const stronger = { memoryKibibytes: 128, iterations: 1, lanes: 1 }
    let isFirst = true
    const failing = {
      hash: async (...call: Parameters<typeof argon2id.hash>) => {
        if (!isFirst) throw new Error('no memory for a second hash')
        isFirst = false
        return await argon2id.hash(...call)
      },
      verify: argon2id.verify
    }
    const hashFails = await another(
      {},
      {
        passwordParameters: stronger,
        passwordHashFunction: failing,
        report: (_error, message) => {
          lines.push(message)
        }
      }
    )
    t.equal(await statusOf(hashFails, 'customer1'), 200)
    t.strictSame(lines, ['a password hash could not be renewed after a login'])

    await db.raw(
      "create function refuse_update() returns trigger language plpgsql as $$ begin raise exception 'planned'; end $$"
    )
    await db.raw('create trigger refuse before update on users for each row execute function refuse_update()')
    const storeFails = await another({}, { passwordParameters: stronger })
    t.equal(await statusOf(storeFails, 'customer1'), 200)
    await db.raw('drop trigger refuse on users')
    t.match(await hashOf(db), /m=64,/)
    t.equal(await statusOf(storeFails, 'customer1'), 200)
    t.match(await hashOf(db), /m=128,/, 'the next login renews it')
  }
)
