import Type from 'typebox'
import t from 'tap'
import { readPage } from '../support/option-tables.ts'
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
