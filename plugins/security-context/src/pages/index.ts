/**
 * Pages that people see, in one style: import them from `@sallyport/security-context/pages`. They need neither scripts
 * nor anything from elsewhere.
 */
export { html, type Html, type HtmlPart } from './html.ts'
export { languagesOf, PAGE_LANGUAGES, pageLanguage, type PageLanguage } from './languages.ts'
export { page, type PageVariation } from './layout.ts'
export { formTargetOf, pageHeaders } from './page-headers.ts'
export { requestLanguage, requestLanguages } from './request-language.ts'
export { sendPage } from './send-page.ts'
