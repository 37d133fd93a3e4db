// openid-client signs people in with its whole repertoire.
import * as client from 'openid-client'
import { exportJWK, generateKeyPair } from 'jose'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, fetch as fetchOverTls } from 'undici'
import { browse, check, command, equal, file, finish, issuer, isVerified, newNumber, redirectUri, register } from '../sign-in.mjs'
import { runSnippet } from './snippet.mjs'

const insecure = { execute: [client.allowInsecureRequests] }
const discover = (id, metadata, auth, more = []) =>
  client.discovery(new URL(issuer), id, metadata, auth, { execute: [client.allowInsecureRequests, ...more] })

/** One sign-in: code with PKCE, state and nonce; the tokens are checked by the library. */
async function signIn(config, { parameters = {}, authorize, jar, dpop, post, number = newNumber() } = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const checks = { pkceCodeVerifier: verifier, expectedNonce: client.randomNonce(), expectedState: client.randomState(), idTokenExpected: true }
  const asked = {
    redirect_uri: redirectUri,
    scope: 'openid phone',
    login_hint: number,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    nonce: checks.expectedNonce,
    state: checks.expectedState,
    ...parameters,
  }
  const options = dpop ? { DPoP: dpop } : undefined
  const url = await (authorize ?? client.buildAuthorizationUrl)(config, asked, options)
  const answer = browse(url, { jar })
  equal(answer instanceof Request, Boolean(post), 'answered by form_post')
  const tokens = await client.authorizationCodeGrant(config, answer, checks, undefined, options)
  const claims = tokens.claims()
  isVerified(claims, number)
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, options)
  isVerified(userinfo, number)
  return { tokens, claims, userinfo, options }
}

async function keys(alg) {
  const pair = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: `${alg}-1`, use: 'sig', alg }
  return { key: { key: pair.privateKey, kid: jwk.kid }, jwks: file(`${alg}.json`, { keys: [jwk] }) }
}

await check('client_secret_basic', async () => {
  const app = register()
  await signIn(await discover(app.client_id, undefined, client.ClientSecretBasic(app.client_secret)))
})
await check('client_secret_post', async () => {
  const app = register('--token-endpoint-auth-method', 'client_secret_post')
  await signIn(await discover(app.client_id, undefined, client.ClientSecretPost(app.client_secret)))
})
await check('a public client with PKCE', async () => {
  const app = register('--type', 'spa')
  await signIn(await discover(app.client_id, undefined, client.None()))
})
for (const alg of ['ES256', 'PS256', 'RS256', 'EdDSA']) {
  await check(`private_key_jwt and ID tokens with ${alg}`, async () => {
    const { key, jwks } = await keys(alg)
    const app = register('--token-endpoint-auth-method', 'private_key_jwt', '--jwks-file', jwks, '--id-token-alg', alg)
    const metadata = { id_token_signed_response_alg: alg }
    await signIn(await discover(app.client_id, metadata, client.PrivateKeyJwt(key)))
  })
}
await check('form_post', async () => {
  const app = register()
  const config = await discover(app.client_id, undefined, client.ClientSecretBasic(app.client_secret))
  await signIn(config, { parameters: { response_mode: 'form_post' }, post: true })
})
await check('pushed authorization requests, required', async () => {
  const app = register('--require-pushed', 'true')
  const config = await discover(app.client_id, undefined, client.ClientSecretBasic(app.client_secret))
  await signIn(config, { authorize: client.buildAuthorizationUrlWithPAR })
})
await check('signed authorization responses (JARM)', async () => {
  const app = register('--authorization-response-alg', 'ES256')
  const metadata = { authorization_signed_response_alg: 'ES256' }
  await signIn(await discover(app.client_id, metadata, client.ClientSecretBasic(app.client_secret), [client.useJwtResponseMode]))
})
await check('signed requests (JAR)', async () => {
  const { key, jwks } = await keys('ES256')
  const app = register('--jwks-file', jwks, '--require-signed-request-object', 'true')
  const config = await discover(app.client_id, undefined, client.ClientSecretBasic(app.client_secret))
  await signIn(config, { authorize: (c, parameters) => client.buildAuthorizationUrlWithJAR(c, parameters, key) })
})
await check('DPoP: bound access and refresh tokens of a public client', async () => {
  const app = register('--type', 'spa', '--dpop-bound-access-tokens', 'true', '--scope', 'openid', '--scope', 'phone', '--scope', 'offline_access')
  const config = await discover(app.client_id, undefined, client.None())
  const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const { tokens, claims, options } = await signIn(config, { dpop, parameters: { scope: 'openid phone offline_access', prompt: 'consent' } })
  equal(tokens.token_type, 'dpop', 'token_type')
  const again = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options)
  equal(again.claims().sub, claims.sub, 'sub')
  if (again.refresh_token === tokens.refresh_token) throw new Error('a public client’s refresh token did not rotate')
})
await check('refresh, introspection and revocation', async () => {
  const app = register('--scope', 'openid', '--scope', 'phone', '--scope', 'offline_access')
  const config = await discover(app.client_id, undefined, client.ClientSecretBasic(app.client_secret))
  const { tokens, claims } = await signIn(config, { parameters: { scope: 'openid phone offline_access', prompt: 'consent' } })
  const again = await client.refreshTokenGrant(config, tokens.refresh_token)
  equal(again.claims().sub, claims.sub, 'sub')
  equal(again.claims().auth_time, claims.auth_time, 'auth_time')
  const state = await client.tokenIntrospection(config, again.access_token)
  equal(state.active, true, 'active')
  equal(state.client_id, app.client_id, 'client_id')
  await client.tokenRevocation(config, again.access_token)
  equal((await client.tokenIntrospection(config, again.access_token)).active, false, 'active after revocation')
  await client.tokenRevocation(config, tokens.refresh_token)
  await client.refreshTokenGrant(config, tokens.refresh_token).then(
    () => { throw new Error('a revoked refresh token worked') },
    (error) => equal(error.error, 'invalid_grant', 'error'),
  )
})
await check('signed userinfo', async () => {
  const app = register('--userinfo-alg', 'ES256')
  const metadata = { userinfo_signed_response_alg: 'ES256' }
  await signIn(await discover(app.client_id, metadata, client.ClientSecretBasic(app.client_secret)))
})
await check('single sign-on: prompt=none answers from the session, max_age and id_token_hint hold', async () => {
  const app = register()
  const config = await discover(app.client_id, undefined, client.ClientSecretBasic(app.client_secret))
  const number = newNumber()
  const first = await signIn(config, { jar: 'sso', number })
  const parameters = { prompt: 'none', max_age: '10000', id_token_hint: first.tokens.id_token }
  const second = await signIn(config, { jar: 'sso', number, parameters })
  equal(second.claims.auth_time, first.claims.auth_time, 'auth_time')
  equal(second.claims.sid, first.claims.sid, 'sid')
})
await check('logout by the app: the session is over', async () => {
  const back = 'http://127.0.0.1:9999/bye'
  const app = register('--post-logout-redirect-uri', back)
  const config = await discover(app.client_id, undefined, client.ClientSecretBasic(app.client_secret))
  const { tokens } = await signIn(config, { jar: 'logout' })
  const url = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: back, state: 'out' })
  equal(String(browse(url, { jar: 'logout', stop: back })), `${back}?state=out`, 'the way back')
  const silent = client.buildAuthorizationUrl(config, { redirect_uri: redirectUri, scope: 'openid', prompt: 'none' })
  equal(browse(silent, { jar: 'logout' }).searchParams.get('error'), 'login_required', 'error')
})
for (const profile of ['fapi2', 'fapi2_message_signing']) {
  await check(`the ${profile} profile`, async () => {
    const { key, jwks } = await keys('PS256')
    const app = register('--profile', profile, '--token-endpoint-auth-method', 'private_key_jwt', '--jwks-file', jwks,
      '--id-token-alg', 'PS256', '--authorization-response-alg', 'PS256', '--dpop-bound-access-tokens', 'true')
    const metadata = { id_token_signed_response_alg: 'PS256', authorization_signed_response_alg: 'PS256', use_mtls_endpoint_aliases: false }
    const signing = profile === 'fapi2_message_signing'
    const aud = { [client.modifyAssertion]: (_, payload) => { payload.aud = config?.serverMetadata().issuer ?? issuer } }
    let config
    config = await discover(app.client_id, metadata, client.PrivateKeyJwt(key, aud), signing ? [client.useJwtResponseMode] : [])
    const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    const authorize = signing
      ? async (c, parameters, options) => {
          const signed = await client.buildAuthorizationUrlWithJAR(c, parameters, key)
          return client.buildAuthorizationUrlWithPAR(c, signed.searchParams, options)
        }
      : client.buildAuthorizationUrlWithPAR
    await signIn(config, { authorize, dpop })
  })
}

/** What the library sends with a certificate; discovery itself needs none. */
function withCertificate(name) {
  const pem = (file) => readFileSync(join(process.env.CERTIFICATES, file))
  const identity = name ? { key: pem(`${name}.key`), cert: pem(`${name}.crt`) } : {}
  const dispatcher = new Agent({ connect: { ca: pem('server.crt'), ...identity } })
  return (url, options) => fetchOverTls(url, { ...options, dispatcher })
}

/** The JWK set of an app that made its certificate itself. */
function jwksOf(name) {
  const certificate = new X509Certificate(readFileSync(join(process.env.CERTIFICATES, `${name}.crt`)))
  const jwk = certificate.publicKey.export({ format: 'jwk' })
  return file(`${name}.json`, { keys: [{ ...jwk, x5c: [certificate.raw.toString('base64')] }] })
}

async function discoverOverTls(app, name, more = {}) {
  const metadata = { use_mtls_endpoint_aliases: true, ...more }
  return client.discovery(new URL(issuer), app.client_id, metadata, client.TlsClientAuth(), {
    execute: [client.allowInsecureRequests],
    [client.customFetch]: withCertificate(name),
  })
}

const offline = ['--scope', 'openid', '--scope', 'phone', '--scope', 'offline_access']
const certified = {
  tls_client_auth: ['app', '--tls-client-auth-subject-dn', 'CN=judge,C=GB'],
  'tls_client_auth by a DNS name': ['app', '--tls-client-auth-san-dns', 'judge.example'],
  self_signed_tls_client_auth: ['alone', '--jwks-file', jwksOf('alone')],
}
for (const [name, [held, ...flags]] of Object.entries(certified)) {
  await check(`${name}, and tokens bound to the certificate`, async () => {
    const method = name.split(' ')[0]
    const app = register('--token-endpoint-auth-method', method, ...flags, '--certificate-bound-access-tokens', 'true', ...offline)
    const config = await discoverOverTls(app, held)
    const aliases = config.serverMetadata().mtls_endpoint_aliases
    for (const [endpoint, url] of Object.entries(aliases)) {
      if (!url.startsWith('https://localhost:')) throw new Error(`${endpoint} is ${url}`)
    }
    const { tokens, claims } = await signIn(config, { parameters: { scope: 'openid phone offline_access', prompt: 'consent' } })
    const again = await client.refreshTokenGrant(config, tokens.refresh_token)
    equal(again.claims().sub, claims.sub, 'sub')
    const state = await client.tokenIntrospection(config, again.access_token)
    equal(state.active, true, 'active')
    if (!state.cnf?.['x5t#S256']) throw new Error('introspection tells no certificate')
    // Stolen, without the certificate or with another one, it opens nothing.
    for (const thief of [undefined, held === 'app' ? 'alone' : 'app']) {
      const answer = await withCertificate(thief)(aliases.userinfo_endpoint, { headers: { authorization: `Bearer ${again.access_token}` } })
      equal(answer.status, 401, `userinfo with ${thief ?? 'no certificate'}`)
      const other = await discoverOverTls(app, thief)
      await client.refreshTokenGrant(other, tokens.refresh_token).then(
        () => { throw new Error(`${thief ?? 'nobody'} could refresh`) },
        (error) => equal(error.error, 'invalid_client', 'error'),
      )
    }
    await client.tokenRevocation(config, again.access_token)
    equal((await client.tokenIntrospection(config, again.access_token)).active, false, 'active after revocation')
  })
}
await check('the fapi2 profile with mutual TLS for both, and pushed requests over it', async () => {
  const app = register('--profile', 'fapi2', '--token-endpoint-auth-method', 'tls_client_auth', '--tls-client-auth-subject-dn', 'CN=judge,C=GB',
    '--certificate-bound-access-tokens', 'true', '--dpop-bound-access-tokens', 'false', '--id-token-alg', 'ES256')
  const config = await discoverOverTls(app, 'app', { id_token_signed_response_alg: 'ES256' })
  await signIn(config, { authorize: client.buildAuthorizationUrlWithPAR })
})
await check('dynamic registration, and a request with what it gave', async () => {
  const { initial_access_token } = command('client', 'initial-access-token', 'create', '--json')
  const metadata = { redirect_uris: [redirectUri], client_name: 'Judge, by itself', token_endpoint_auth_method: 'client_secret_post' }
  const options = { ...insecure, initialAccessToken: initial_access_token }
  const config = await client.dynamicClientRegistration(new URL(issuer), metadata, undefined, options)
  const registered = config.clientMetadata()
  equal(registered.client_secret_expires_at, 0, 'client_secret_expires_at')
  equal(registered.require_auth_time, true, 'require_auth_time')
  // A registered app is no test app, so no test operator vouches for its people: it is told so.
  const url = client.buildAuthorizationUrl(config, { redirect_uri: redirectUri, scope: 'openid', prompt: 'none' })
  equal(browse(url).searchParams.get('error'), 'login_required', 'error')
})
for (const flags of [['--type', 'web'], ['--type', 'native'], ['--token-endpoint-auth-method', 'client_secret_post']]) {
  await check(`the console's own code for an app with ${flags.join(' ')}`, async () => {
    const { claims, number } = await runSnippet(register(...flags))
    isVerified(claims, number)
  })
}
finish()
