import type { FastifyError } from '@fastify/error'
import { sendPage } from '@sallyport/security-context/pages'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LogoutIncompleteError, SessionNotFoundError } from '../errors.ts'
import { acceptsHtml, isNavigation } from '../login/page-request.ts'
import { readerLanguage } from '../pages/authentication-texts.ts'
import { beginRefusal } from '../pages/begin-refusal.ts'
import { failedFormPage, type FailedForm, type SessionPaths } from './session-pages.ts'

/** Makes the error handler of routes that forms post to: people get a page, programs the problem document. */
export function createAnswerFailedForm(paths: () => SessionPaths) {
  return function answerFailedForm(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (!isNavigation(request.headers) || !acceptsHtml(request.headers.accept)) throw error
    const { status, code } = beginRefusal(error, request, reply)
    const failure = { problem: problemOfSessionForm(error, status), code, requestId: request.id }
    return sendPage(reply, status, failedFormPage(failure, paths(), readerLanguage(request)))
  }
}

function problemOfSessionForm(error: FastifyError, status: number): FailedForm['problem'] {
  if (error instanceof LogoutIncompleteError) return 'undoneElsewhere'
  if (error instanceof SessionNotFoundError) return 'undoneGone'
  if (status === 429) return 'failedThrottled'
  return status >= 500 ? 'undoneUnavailable' : 'undoneRefused'
}
