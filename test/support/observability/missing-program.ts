import { isOnPath } from '@sallyport/local'

/** Why a test that needs a program is skipped, or `false` when the program is there. */
export function missingProgram(name: 'promtool' | 'prometheus'): string | false {
  return isOnPath(name) ? false : `there is no ${name}: apt-get install prometheus`
}
