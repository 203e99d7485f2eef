// The README's tables of client authentication methods and of a client's fields say what the code's tables say.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { METHOD_NAMES, METHODS } from '../../auth-server/src/protocol/client-authentication/methods.ts'
import { CLIENT_FIELD_LIST } from '../../auth-server/src/store/client-fields.ts'
import { ROOT } from '../support/packages.ts'

const README = readFileSync(join(ROOT, 'auth-server/README.md'), 'utf8')

/** The cells of the rows of the one table with this head. */
function rowsBelow(head: string): string[][] {
  const [, table = ''] = README.split(`${head}\n`)
  const [rows = ''] = table.split('\n\n')
  return rows
    .trimEnd()
    .split('\n')
    .slice(1)
    .map(row =>
      row
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map(cell => cell.trim())
    )
}

const codes = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

t.test('the README has a row for each client authentication method, with what has to be registered for it', async t => {
  const rows = rowsBelow('| method | registered with the client | rules |')
  t.strictSame(
    rows.flatMap(([methods]) => codes(methods)),
    METHOD_NAMES
  )
  for (const [methods, registered = ''] of rows) {
    for (const name of METHOD_NAMES.filter(name => codes(methods).includes(name))) {
      const { needs } = METHODS[name]
      t.ok(needs === null ? registered === '' : registered.includes(needs), `${name} needs ${needs}`)
    }
  }
})

t.test('the README has a row for each field of a client, with its option and what it says', async t => {
  const rows = rowsBelow('| field | option of `clients create` | meaning |')
  t.strictSame(
    rows.map(([field, option, meaning]) => [...codes(field), ...codes(option), meaning]),
    CLIENT_FIELD_LIST.map(({ name, option }) =>
      option === null ? [name, '<client-id>', 'what it calls itself'] : [name, `--${option.flag}`, option.help]
    )
  )
})
