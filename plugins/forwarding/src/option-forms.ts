import { customOption, Type } from '@sallyport/security-context/options'

const LONGEST_TIMER_MS = 2_147_483_647

/** A duration in ms that a timer can take. */
export const timerOption = () => Type.Integer({ minimum: 1, maximum: LONGEST_TIMER_MS })

/** A text with a form of its own. */
export const textOption = (expectation: string, check: (text: string) => boolean) =>
  customOption<string>(expectation, value => typeof value === 'string' && check(value))
