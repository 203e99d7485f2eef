import t from 'tap'
import { FACTS, login, startServer, token } from '../support/authorization-server.ts'
import { tokenOfAdministrator } from './support/administrator.ts'
import { commandLine } from './support/command-line.ts'

const REFUSED: ReadonlyArray<readonly [title: string, password: string, mistake: RegExp]> = [
  ['eleven characters', 'eleven char', /fewer than 12 characters/],
  ['twelve UTF-16 units that are six characters', '😀😀🙂🙃😉😊', /fewer than 12 characters/],
  ['eleven characters that are more before they are composed', 'o\u0308o\u0308o\u0308-keys-42'.slice(0, 14), /fewer/],
  ['too many', `long ${'x'.repeat(4096)}`, /more than 4096/],
  ['a common password', 'Administrator', /most common/],
  ['a common password between digits and signs', '!!Password2026', /most common/],
  ['a common password over and over', 'dragondragondragon', /sequence or a repetition/],
  ['one character', 'ääääääääääää', /sequence or a repetition/],
  ['the alphabet', 'abcdefghijklm', /sequence or a repetition/],
  ['digits downwards', '987654321098', /most common|sequence/],
  ['the user name within', 'My NEWCOMER words', /contains the user name/],
  ['a NUL', 'twelve chars\0and more', /NUL/],
  ['half a character', 'twelve chars \ud800', /well-formed/]
]

t.test('O-53: a new password is long and not common; the refusal says what is wrong, never the password', async t => {
  const { app, db } = await startServer(t)
  const bearer = await tokenOfAdministrator(app)
  const create = async (password: string, username = 'newcomer') =>
    await app.inject({
      method: 'POST',
      url: '/admin/users',
      headers: { authorization: `Bearer ${bearer}` },
      payload: { username, password, roles: [] }
    })
  const { subject } = FACTS.users.customer1
  for (const [title, password, mistake] of REFUSED) {
    const answer = await create(password)
    t.equal(answer.statusCode, 400, title)
    if (password.length > 4096) continue
    t.match(answer.json(), { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID', title: mistake }, title)
    t.notOk(answer.body.includes(password), title)
  }
  const changed = await app.inject({
    method: 'PUT',
    url: `/admin/users/${subject}/password`,
    headers: { authorization: `Bearer ${bearer}` },
    payload: { password: 'Customer1 is my name' }
  })
  t.match(changed.json(), { status: 400, title: /contains the user name/ })
  t.equal((await login(app)).status, 200, 'and the old one stays')
  t.equal((await db('users').where({ username: 'newcomer' })).length, 0)
  for (const [n, password] of [
    'four words without rules',
    'ÄÖÜ äöü ßẞ éè',
    '839201746502',
    'newly arrived words'
  ].entries()) {
    t.equal((await create(password, `newcomer${n}`)).statusCode, 201, password)
  }
  t.equal((await create('no ed in this one', 'ed')).statusCode, 201, 'a short name may be in it')
})

t.test('O-53: the setting says how long, and who has a shorter password still logs in', async t => {
  const { app, another } = await startServer(t)
  const loose = await another({ passwordMinLength: 8 })
  const bearer = await tokenOfAdministrator(app)
  const create = async (instance: typeof app, username: string, password: string) =>
    (
      await instance.inject({
        method: 'POST',
        url: '/admin/users',
        headers: { authorization: `Bearer ${bearer}` },
        payload: { username, password, roles: [] }
      })
    ).statusCode
  t.equal(await create(loose, 'short', 'eight ch'), 201)
  t.equal(await create(loose, 'shorter', 'seven c'), 400)
  t.equal(await create(loose, 'common', 'password'), 400)
  t.equal(await create(app, 'other', 'eight ch'), 400)
  t.equal(
    (await token(app, 'gateway', { grant_type: 'password', username: 'short', password: 'eight ch' })).status,
    200,
    'on the strict instance'
  )
})

t.test('O-53: the command line asks for the same', async t => {
  const { run } = await commandLine(t)
  t.match(await run('users create operator --password-stdin', 'operator is here'), {
    code: 1,
    error: /the password contains the user name/
  })
  const answer = await run('users set-password customer1 --password-stdin', 'short word')
  t.match(answer, { code: 1, error: /fewer than 12 characters/ })
  t.notOk((answer.error + answer.out).includes('short word'))
  t.equal((await run('users set-password customer1 --password-stdin', 'four words in a row')).code, 0)
})
