// Writes the tables of options and settings into READMEs and pages, from JSDoc and schemas: `npm run tables`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pagesWithOptions, readPage, withOptionTables } from './option-tables.ts'
import { ROOT } from './packages.ts'
import { SETTINGS_PAGES, withSettingsTables } from './settings-tables.ts'

for (const { folder, page } of pagesWithOptions()) {
  writeFileSync(join(ROOT, page), withOptionTables(folder, readPage(page)))
}
for (const each of SETTINGS_PAGES) {
  writeFileSync(join(ROOT, each.page), withSettingsTables(readPage(each.page), each))
}
