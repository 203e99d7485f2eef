import { settingsReference } from '@sallyport/configuration'
import Type from 'typebox'
import t from 'tap'
import { readPage } from '../support/option-tables.ts'
import { workspaces } from '../support/packages.ts'
import { SETTINGS_PAGES, undescribedSettings, withSettingsTables } from '../support/settings-tables.ts'

for (const each of SETTINGS_PAGES) {
  const text = readPage(each.page)
  t.test(`the table of settings in ${each.page} is what the schema says; npm run tables writes it`, async t => {
    t.equal(text.match(/<!-- settings -->/g)?.length, 1)
    t.equal(text, withSettingsTables(text, each))
  })

  t.test(`every setting in ${each.page} says what it means`, async t => {
    t.strictSame(undescribedSettings(each.schema), [])
  })
}

t.test('a table that differs and a setting without a description are found', async t => {
  const [first] = SETTINGS_PAGES
  if (first === undefined) throw new Error('there are no pages')
  const text = readPage(first.page)
  t.equal(withSettingsTables(text.replace('| `LOG_LEVEL`', '| `OTHER`'), first), text)
  const schema = Type.Object({ dumb: Type.String(), told: Type.String({ description: 'What it means.' }) })
  t.strictSame(undescribedSettings(schema), ['dumb'])
})

t.test('every SALLYPORT_ name in a guide is a setting of a process, or the code of an error', async t => {
  const settings = SETTINGS_PAGES.flatMap(({ schema }) =>
    settingsReference(schema).flatMap(({ variable, fileVariable }) => [variable, fileVariable])
  )
  const codes = workspaces().flatMap(({ folder }) => readPage(`${folder}/README.md`).match(/`SALLYPORT_\w+` \| \d{3}/g))
  const known = new Set([...settings, ...codes.map(row => row?.slice(1, row.indexOf('`', 1)))])
  for (const page of ['docs/adopt.md', 'docs/new-service.md', 'docs/gateway.md', 'docs/configuration.md']) {
    const named = readPage(page).match(/\bSALLYPORT_\w+/g) ?? []
    t.strictSame(
      named.filter(name => !known.has(name)),
      [],
      page
    )
  }
})
