// An app that runs in the browser alone, on an origin of its own: the code that the console shows for it, to the
// letter, as a module in Chromium. Discovery, keys and token come across origins.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { check, command, equal, finish, isVerified, newNumber, register } from '../sign-in.mjs'
import { withBrowser } from '../chromium.mjs'

// What a bundler would have put together: the library's modules by the names that they call each other. The judge's
// server speaks plain http, which the library must be told.
const modules = ['oauth4webapi', 'jose/jwe/compact/decrypt', 'jose/errors', 'openid-client']
const here = new URL('.', import.meta.url).href
const imports = Object.fromEntries(modules.map((name) => [name, import.meta.resolve(name).replace(here, '/')]))
const library = imports['openid-client']
imports['openid-client'] = '/openid-client.js'
const insecure = `
import * as real from '${library}'
export * from '${library}'
export const discovery = (server, id, metadata, auth) =>
  real.discovery(server, id, metadata, auth, { execute: [real.allowInsecureRequests] })
`
const page = (script) => `<!doctype html><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script><body><script type="module">${script}</script>`

/** Serves the app; `code` is what the console shows for it. */
function serve(app) {
  const pages = {
    '/': () => page(`import { signIn } from '/snippet.js'
      const button = document.createElement('button')
      button.textContent = 'Sign in'
      button.onclick = () => signIn('${app.number}')
      document.body.append(button)`),
    '/callback': () => page(`import { signedIn } from '/snippet.js'
      document.title = await signedIn().then((claims) => JSON.stringify({ claims }), (error) => JSON.stringify({ error: String(error) }))`),
  }
  const scripts = { '/snippet.js': () => app.code, '/openid-client.js': () => insecure }
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://app')
    try {
      if (pages[pathname]) return void response.setHeader('content-type', 'text/html').end(pages[pathname]())
      response.setHeader('content-type', 'text/javascript')
      if (scripts[pathname]) return void response.end(scripts[pathname]())
      if (!pathname.startsWith('/node_modules/')) throw new Error('not found')
      response.end(await readFile(fileURLToPath(new URL(`.${pathname}`, here))))
    } catch (error) {
      response.writeHead(404).end(String(error))
    }
  })
  return new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(server)))
}

await check("the console's code signs somebody in, in Chromium", async () => {
  const app = { number: newNumber() }
  const server = await serve(app)
  const origin = `http://127.0.0.1:${server.address().port}`
  const { client_id } = register('--type', 'spa', '--redirect-uri', `${origin}/callback`)
  const [shown] = command('client', 'snippet', client_id, 'openid-client', '--json')
  app.code = shown.code
  await withBrowser(async (browser) => {
    await browser.open(origin)
    await browser.press('Sign in')
    await browser.press('Continue')
    const { claims, error } = JSON.parse(await browser.titled((title) => title.startsWith('{')))
    equal(error, undefined, 'error')
    isVerified(claims, app.number)
    equal(claims.aud, client_id, 'aud')
  })
  server.close()
})
finish()
