import type { ServiceDescriptor } from '@sallyport/service-kit/descriptor'
import type { Knex } from 'knex'
import type { ProcessEntry } from './processes.ts'

/** A client of the authorization server, with what the launcher prints. */
export interface ClientFacts {
  readonly id: string
  readonly confidential?: boolean
  readonly grantTypes: readonly string[]
  readonly scopes?: readonly string[]
  readonly audiences?: readonly string[]
  readonly ownAudience?: string | null
  readonly defaultAudience?: string | null
  readonly redirectUris?: readonly string[]
  readonly authenticationMethods?: readonly string[]
}

/** What demo data is made from. */
export interface AppDemoFacts {
  readonly issuer: string
  readonly services: readonly ServiceDescriptor[]
  readonly users: Readonly<
    Record<string, { readonly subject: string; readonly password: string; readonly roles: readonly string[] }>
  >
  readonly clients: Readonly<
    Record<
      string,
      {
        readonly secret: string | null
        readonly redirectUris?: readonly string[]
        readonly postLogoutRedirectUris?: readonly string[]
      }
    >
  >
  /** Public part of the keys of clients that have no secret. */
  readonly clientKeys: Readonly<Record<string, ClientKeyRegistration>>
}

/** What the authorization server has to know about the key or certificate of a client. */
export interface ClientKeyRegistration {
  readonly jwks?: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly certificateSubject?: { readonly kind: 'uri'; readonly value: string }
}

/** What an app's package exports for its deployment. */
export interface AppModule {
  /** Brings the tables up to date, as the owner, and grants the other roles what they need. */
  readonly migrate?: (db: Knex, roles: { appRole: string; prunerRole: string }) => Promise<void>
  readonly seedDemo?: (db: Knex, facts: AppDemoFacts) => Promise<unknown>
  readonly settingsSchema?: { readonly properties: Readonly<Record<string, unknown>> }
  /** The clients of a deployment of these services; those of the second list prove themselves with keys. */
  readonly demoRegistry?: (services: readonly ServiceDescriptor[]) => {
    readonly clients: readonly ClientFacts[]
    readonly keyClients: readonly ClientFacts[]
  }
}

/** An app's package, and the file that its process runs. */
export interface LoadedApp {
  readonly module: AppModule
  readonly serverPath: string
}

/** Loads an app's package and finds its `server` beside its index: `.ts` from source, `.js` from a build. */
export async function loadApp({ packageName }: ProcessEntry): Promise<LoadedApp> {
  const index = import.meta.resolve(packageName)
  const module = (await import(packageName)) as AppModule
  return { module, serverPath: new URL(index.endsWith('.ts') ? 'server.ts' : 'server.js', index).pathname }
}
