// Key rings and peppers that change while the server runs, and what keeps a key that is in use in its ring.
import { admin, postgresStore, type AuthServerSettings } from '@sallyport/auth-server'
import t from 'tap'
import { usedSecretsSubscriber } from '../../auth-server/src/live-secrets.ts'
import { administration } from '../support/administration.ts'
import { login, SETTINGS, startServer } from '../support/authorization-server.ts'
import { stillSettings } from '../support/still-settings.ts'

const sealing = (id: string): string => `${id}:${Buffer.alloc(32, `${id} of this test`).toString('base64url')}`
const pepper = (id: string): string => `${id}:${id.padEnd(32, '.')}`

t.test('one app follows its rings: what an older key sealed opens, and hashes get the newest pepper', async t => {
  const { db, another } = await startServer(t)
  let secrets: Pick<AuthServerSettings, 'sealingKeys' | 'passwordPeppers'> = { sealingKeys: SETTINGS.sealingKeys }
  const app = await another({}, { secrets: () => secrets })
  const hash = async (): Promise<string> => (await db('users').where({ username: 'customer1' }).first()).password_hash
  t.equal((await login(app, 'customer1')).status, 200)
  for (const [passwordPeppers, form] of [
    [pepper('p1'), /keyid=p1\$/],
    [`${pepper('p2')} ${pepper('p1')}`, /keyid=p2\$/],
    [`none ${pepper('p2')}`, /p=1\$/]
  ] as const) {
    secrets = { passwordPeppers, sealingKeys: `${sealing('k2')} ${SETTINGS.sealingKeys}` }
    t.equal((await login(app, 'customer1')).status, 200)
    t.match(await hash(), form)
  }
  const ring = administration(db, Date.now, secrets.sealingKeys)
  t.equal(await admin.resealKeys(ring), 1)
  secrets = { sealingKeys: sealing('k2') }
  t.equal((await login(app, 'customer1')).status, 200)
})

t.test('a ring that leaves out what is in use is refused, and says what to do', async t => {
  const { db, another } = await startServer(t)
  const store = postgresStore(db)
  const first = { ...SETTINGS, passwordPeppers: pepper('p1'), passwordPepper: 'without an id'.padEnd(32, '.') }
  const app = await another(first)
  t.equal((await login(app, 'customer1')).status, 200)
  const { validate } = usedSecretsSubscriber(stillSettings(first), store)
  const refusal = async (change: Partial<AuthServerSettings>): Promise<string> => {
    try {
      await validate({ ...first, ...change })
      return 'taken'
    } catch (error) {
      return error instanceof Error ? error.message : ''
    }
  }
  t.match(
    await refusal({ sealingKeys: sealing('k2') }),
    /^sealingKeys: signing key \S+ is sealed .* run keys reseal first$/
  )
  t.equal(await refusal({ sealingKeys: `${sealing('k2')} ${SETTINGS.sealingKeys}` }), 'taken')
  t.equal(
    await refusal({ passwordPeppers: pepper('p2') }),
    'passwordPeppers: there are hashes with p1, which is left out'
  )
  t.equal(await refusal({ passwordPeppers: `${pepper('p2')} ${pepper('p1')}` }), 'taken')
  const { passwordPepper: _, ...withoutUnnamed } = first
  const lost = await Promise.resolve(validate(withoutUnnamed)).catch((error: unknown) => error)
  t.match(lost, { message: 'passwordPeppers: there are hashes with unnamed, which is left out' })
  await db('users').update({ password_hash: db.raw("replace(password_hash, 'keyid=p1$', 'keyid=p2$')") })
  await db('users').whereNot('username', 'customer1').delete()
  t.equal(await refusal({ passwordPeppers: pepper('p2') }), 'taken', 'nothing names it any more')
})
