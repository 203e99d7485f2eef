import type { FastifyRequest } from 'fastify'
import { languagesOf, pageLanguage, type PageLanguage } from './languages.ts'

/**
 * The languages of whoever reads the answer, the best first.
 * @param uiLocales what the application asks for, as tags separated by spaces
 */
export function requestLanguages(
  { headers }: Pick<FastifyRequest, 'headers'>,
  uiLocales: string | null = null
): readonly string[] {
  return languagesOf(uiLocales, headers['accept-language'])
}

/** The one of {@link requestLanguages} that pages are written in. */
export function requestLanguage(
  request: Pick<FastifyRequest, 'headers'>,
  uiLocales: string | null = null
): PageLanguage {
  return pageLanguage(requestLanguages(request, uiLocales))
}
