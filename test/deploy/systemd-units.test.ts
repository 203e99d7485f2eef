// The examples for systemd: systemd itself reads the units, and the processes' own schemas the environment files.
import { spawnSync } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsSchema as authServer } from '@sallyport/auth-server'
import { settingsReference } from '@sallyport/configuration'
import { settingsSchema as configurationServer } from '@sallyport/configuration-server'
import { settingsSchema as orderService } from '@sallyport/order-service'
import { settingsSchema as gateway } from '@sallyport/reference-gateway'
import t, { type Test } from 'tap'
import type { TObject } from 'typebox'
import { localReferences } from '../support/local-table.ts'
import { ROOT } from '../support/packages.ts'

const FOLDER = join(ROOT, 'deploy/systemd')
const UNITS = globSync('*.service', { cwd: FOLDER }).sort()
const installed = spawnSync('systemd-analyze', ['--version']).status === 0

/** What systemd says about a unit whose program is there. */
function verdict(t: Test, unit: string, change: (text: string) => string = text => text): string {
  const directory = t.testdir()
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  copyFileSync('/bin/true', join(bin, 'sallyport-auth-server'))
  const text = readFileSync(join(FOLDER, unit), 'utf8').replaceAll('/opt/sallyport/node_modules/.bin', bin)
  const file = join(directory, unit.replace('@', '@auth-server'))
  writeFileSync(file, change(text))
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', file], {
    encoding: 'utf8'
  })
  return `${stdout}${stderr}`
}

t.test('systemd finds nothing wrong with the units', { skip: !installed && 'systemd is not installed' }, async t => {
  t.strictSame(UNITS, ['sallyport-migrate@.service', 'sallyport@.service'])
  for (const unit of UNITS) {
    await t.test(unit, async t => {
      t.equal(verdict(t, unit), '')
    })
  }
})

t.test('systemd finds a misspelled key', { skip: !installed && 'systemd is not installed' }, async t => {
  t.match(
    verdict(t, 'sallyport@.service', text => text.replace('DynamicUser=', 'DynamicUsr=')),
    /Unknown key.* 'DynamicUsr'/
  )
})

const EXAMPLES: Readonly<Record<string, TObject>> = {
  'auth-server': authServer,
  gateway,
  'order-service': orderService,
  'configuration-server': configurationServer
}

for (const [name, schema] of Object.entries(EXAMPLES)) {
  t.test(`the example for ${name} sets what is required, nothing unknown, and secrets only by files`, async t => {
    const names: readonly string[] =
      readFileSync(join(FOLDER, 'examples', `${name}.env`), 'utf8').match(/^[A-Z_]+(?==)/gm) ?? []
    const known = settingsReference(schema)
    const variables = [
      ...known.map(({ variable, fileVariable }) => fileVariable ?? variable),
      ...(name === 'gateway' ? Object.keys(localReferences('')) : [])
    ]
    t.strictSame(
      names.filter(each => !variables.includes(each)),
      []
    )
    const required = known.filter(({ isRequired }) => isRequired).map(each => each.fileVariable ?? each.variable)
    t.strictSame(
      required.filter(each => !names.includes(each)),
      []
    )
    const text = readFileSync(join(FOLDER, 'examples', `${name}.env`), 'utf8')
    t.notMatch(text.replaceAll(`/run/credentials/sallyport@${name}.service/secrets_`, ''), '/run/credentials')
  })
}
