import { requestLanguage, type PageLanguage } from '@sallyport/security-context/pages'
import type { FastifyRequest } from 'fastify'
import type { DeviceName } from '../session/device-name.ts'
import { ENGLISH_TEXTS, type AuthenticationTexts } from './texts-en.ts'
import { KOREAN_TEXTS } from './texts-ko.ts'

export type { AuthenticationTexts } from './texts-en.ts'

/** One table a language, with the same words in each. */
export const AUTHENTICATION_TEXTS: Readonly<Record<PageLanguage, AuthenticationTexts>> = {
  en: ENGLISH_TEXTS,
  ko: KOREAN_TEXTS
}

/** A device in words. */
export function deviceText({ browser, system }: DeviceName, texts: AuthenticationTexts): string {
  if (browser !== null && system !== null) return texts.deviceOnSystem(browser, system)
  if (system !== null) return texts.deviceOnSystem(texts.unnamedBrowser, system)
  return browser ?? texts.unknownDevice
}

/** What the query of a request asks for, before the browser does: `ui_locales`, also of a request that is refused. */
export function readerLanguage(request: Pick<FastifyRequest, 'headers' | 'query'>): PageLanguage {
  return requestLanguage(request, uiLocalesIn(request.query))
}

function uiLocalesIn(query: unknown): string | null {
  if (typeof query !== 'object' || query === null || !('ui_locales' in query)) return null
  return typeof query.ui_locales === 'string' ? query.ui_locales : null
}
