import { LONGEST_RETURN_PATH } from '../login/return-path.ts'

/** Body of `POST /login`. */
export interface LoginBody {
  readonly username: string
  readonly password: string
  readonly tokens?: 'cookies' | 'body'
}

/** Body of `POST /session/refresh`, and of `POST /logout` for a client without cookies. */
export interface RefreshBody {
  readonly refreshToken: string
}

const refreshToken = { type: 'string', minLength: 1, maxLength: 8192 } as const

/** Body of `POST /logout`. */
export interface LeavingBody extends Partial<RefreshBody> {
  /** Where the browser is led in the end. */
  readonly returnTo?: string
  /** Every session of the person ends, not this one alone. */
  readonly everywhere?: 'yes'
}

/** Schema of {@link LoginBody}; lengths in characters. */
export const loginBody = {
  type: 'object',
  additionalProperties: false,
  required: ['username', 'password'],
  properties: {
    username: { type: 'string', minLength: 1, maxLength: 256 },
    password: { type: 'string', minLength: 1, maxLength: 1024 },
    tokens: { type: 'string', enum: ['cookies', 'body'] }
  }
} as const

/** Schema of {@link RefreshBody}. */
export const refreshBody = {
  type: 'object',
  additionalProperties: false,
  required: ['refreshToken'],
  properties: { refreshToken }
} as const

/** Schema of the optional body of `POST /logout`. */
export const logoutBody = {
  type: 'object',
  nullable: true,
  additionalProperties: false,
  properties: {
    refreshToken,
    returnTo: { type: 'string', maxLength: LONGEST_RETURN_PATH },
    everywhere: { type: 'string', const: 'yes' }
  }
} as const

/** Body of `POST /sessions/end`. */
export interface EndSessionsBody {
  /** Left out: every session ends. */
  readonly sessionId?: string
  readonly all?: 'yes'
}

const sessionId = { type: 'string', minLength: 1, maxLength: 128 } as const

/** Schema of {@link EndSessionsBody}: one of the two. */
export const endSessionsBody = {
  type: 'object',
  additionalProperties: false,
  properties: { sessionId, all: { type: 'string', const: 'yes' } },
  oneOf: [{ required: ['sessionId'] }, { required: ['all'] }]
} as const

/** Schema of the parameters of `DELETE /sessions/:sessionId`. */
export const sessionParameters = {
  type: 'object',
  additionalProperties: false,
  required: ['sessionId'],
  properties: { sessionId }
} as const
