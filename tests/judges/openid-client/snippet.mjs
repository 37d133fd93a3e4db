// Runs the code that the console shows for an app (`numbercloak client snippet`), to the letter. Around it stands only
// what an app's own server brings: the request that comes back. Two things differ from an app in the field: the judge's
// server speaks plain http, which the library must be told, and the person's number is a test number.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { browse, command, newNumber } from '../sign-in.mjs'

const folder = mkdtempSync(join(tmpdir(), 'snippet-'))
const library = import.meta.resolve('openid-client')
const stand = join(folder, 'node_modules', 'openid-client')
mkdirSync(stand, { recursive: true })
writeFileSync(join(stand, 'package.json'), JSON.stringify({ name: 'openid-client', type: 'module', exports: './index.js' }))
writeFileSync(join(stand, 'index.js'), `
import * as real from ${JSON.stringify(library)}
export * from ${JSON.stringify(library)}
export const discovery = (server, id, metadata, auth, options) =>
  real.discovery(server, id, metadata, auth, { ...options, execute: [real.allowInsecureRequests] })
`)

/** Signs somebody in with an app's own snippet; returns the claims and the number they are about. */
export async function runSnippet(app) {
  const [{ code }] = command('client', 'snippet', app.client_id, 'openid-client', '--json')
  const [leave, back] = code.split(/^\/\/ at .*$/m)
  if (!back) throw new Error(`no line tells what stands at the redirect URI:\n${code}`)
  const number = newNumber()
  globalThis.comeBack = (url) => {
    url.searchParams.set('login_hint', `tel:${number}`)
    return browse(url).href
  }
  const module = `${leave}
const request = { url: globalThis.comeBack(url) }, openedWith = request.url
${back}
export const outcome = tokens.claims()
`
  process.env.OIDC_CLIENT_SECRET = app.client_secret
  const path = join(folder, `${app.client_id}.mjs`)
  writeFileSync(path, module)
  const { outcome } = await import(pathToFileURL(path))
  return { claims: outcome, number }
}
