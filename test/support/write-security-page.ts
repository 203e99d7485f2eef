// Writes docs/security.md from the statements and the titles of the tests that name them: `npm run statements`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './packages.ts'
import { securityPage } from './security-page.ts'

writeFileSync(join(ROOT, 'docs/security.md'), securityPage())
