import { sendPage, type Html } from '@sallyport/security-context/pages'
import type { FastifyReply } from 'fastify'
import type { CallGateway } from './call-gateway.ts'

/** What the routes of the web client work with. */
export interface WebClientParts {
  readonly call: CallGateway
  /** Origin of the issuer, where a logout leads by way of a form. */
  readonly issuerOrigin: string
  /** Whether there is a login at the issuer. */
  readonly hasIssuerLogin: boolean
}

/** A route of whoever has a session: only its cookies count, since a page is for a person. */
export const OF_SESSION = { access: 'authenticated', audit: 'none', strategies: ['session'] } as const

/** A route of whoever is not logged in yet. */
export const OPEN_PAGE = { access: 'public', audit: 'none' } as const

/** A route that a form is sent to. */
export interface PageFormRoute {
  Body: URLSearchParams | undefined
}

/** Sends a page whose forms lead to this origin, and by a logout to the issuer. */
export const sendClientPage = (parts: WebClientParts, reply: FastifyReply, body: Html, status = 200): FastifyReply =>
  sendPage(reply, status, body, parts.issuerOrigin)
