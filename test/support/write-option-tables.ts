// Writes the tables of options into READMEs and pages, from JSDoc and schemas: `npm run tables`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pagesWithOptions, readPage, withOptionTables } from './option-tables.ts'
import { ROOT } from './packages.ts'

for (const { folder, page } of pagesWithOptions()) {
  writeFileSync(join(ROOT, page), withOptionTables(folder, readPage(page)))
}
