import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Why a test that needs a program is skipped, or `false` when the program is there. */
export function missingProgram(name: 'promtool' | 'prometheus'): string | false {
  const isThere = (process.env.PATH ?? '').split(delimiter).some(folder => isExecutable(join(folder, name)))
  return isThere ? false : `there is no ${name}: apt-get install prometheus`
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
