// oauth4webapi: the low-level library; every answer is checked step by step, errors too.
import * as oauth from 'oauth4webapi'
import { browse, check, equal, file, finish, isVerified, issuer, number, redirectUri, register } from '../sign-in.mjs'

const http = { [oauth.allowInsecureRequests]: true }
const as = await oauth.processDiscoveryResponse(
  new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oidc', ...http }),
)
const rfc8414 = await oauth.processDiscoveryResponse(
  new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...http }),
)

async function keys(alg) {
  const pair = await oauth.generateKeyPair(alg, { extractable: true })
  const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey)
  const { d, key_ops, ext, ...publicJwk } = jwk
  const jwks = { keys: [{ ...publicJwk, kid: 'k1', use: 'sig', alg }] }
  return { pair, key: { key: pair.privateKey, kid: 'k1' }, jwks: file(`oauth4webapi-${alg}.json`, jwks) }
}

async function begin(app, { parameters = {}, auth, push, signWith, dpop, jarm, jar } = {}) {
  const c = { client_id: app.client_id, ...app.metadata }
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  let asked = new URLSearchParams({
    client_id: c.client_id, redirect_uri: redirectUri, response_type: 'code', scope: 'openid phone',
    login_hint: number, state, nonce, code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256', ...parameters,
  })
  if (signWith) {
    asked = new URLSearchParams({ client_id: c.client_id, request: await oauth.issueRequestObject(as, c, asked, signWith) })
  }
  if (push) {
    const answer = await oauth.pushedAuthorizationRequest(as, c, auth, asked, { ...http, DPoP: dpop })
    const { request_uri } = await oauth.processPushedAuthorizationResponse(as, c, answer)
    asked = new URLSearchParams({ client_id: c.client_id, request_uri })
  }
  const url = new URL(as.authorization_endpoint)
  url.search = asked
  const answer = browse(url, { jar })
  const validated = jarm
    ? await oauth.validateJwtAuthResponse(as, c, answer, state, http)
    : oauth.validateAuthResponse(as, c, answer, state)
  return { c, verifier, nonce, validated, url }
}

async function redeem({ c, verifier, nonce, validated }, auth, dpop) {
  const answer = await oauth.authorizationCodeGrantRequest(as, c, auth, validated, redirectUri, verifier, { ...http, DPoP: dpop })
  const tokens = await oauth.processAuthorizationCodeResponse(as, c, answer, { expectedNonce: nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, answer, http)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  isVerified(claims)
  const userinfo = await oauth.userInfoRequest(as, c, tokens.access_token, { ...http, DPoP: dpop })
  isVerified(await oauth.processUserInfoResponse(as, c, claims.sub, userinfo))
  return tokens
}

const refused = (promise, error) =>
  promise.then(() => { throw new Error(`not refused with ${error}`) }, (e) => equal(e.error ?? e.cause?.error, error, 'error'))

await check('both discovery documents say the same', () => {
  for (const [name, value] of Object.entries(rfc8414)) equal(JSON.stringify(as[name]), JSON.stringify(value), name)
})
await check('client_secret_basic; a code works once and takes its tokens along', async () => {
  const app = register()
  const auth = oauth.ClientSecretBasic(app.client_secret)
  const begun = await begin(app)
  const tokens = await redeem(begun, auth)
  await refused(redeem(begun, auth), 'invalid_grant')
  const after = await oauth.userInfoRequest(as, begun.c, tokens.access_token, http)
  equal(after.status, 401, 'userinfo after the replay')
})
await check('a wrong verifier is refused', async () => {
  const app = register()
  const begun = await begin(app)
  await refused(redeem({ ...begun, verifier: oauth.generateRandomCodeVerifier() }, oauth.ClientSecretBasic(app.client_secret)), 'invalid_grant')
})
await check('private_key_jwt, PAR, JAR, JARM and DPoP together', async () => {
  const { key, jwks } = await keys('ES256')
  const app = register('--profile', 'fapi2_message_signing', '--token-endpoint-auth-method', 'private_key_jwt', '--jwks-file', jwks,
    '--id-token-alg', 'ES256', '--authorization-response-alg', 'ES256', '--dpop-bound-access-tokens', 'true')
  app.metadata = { id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256' }
  const auth = oauth.PrivateKeyJwt(key)
  const dpop = oauth.DPoP(app, await oauth.generateKeyPair('ES256'))
  const begun = await begin(app, { auth, push: true, signWith: key, dpop, jarm: true })
  const tokens = await redeem(begun, auth, dpop)
  equal(tokens.token_type, 'dpop', 'token_type')
  const stolen = await oauth.userInfoRequest(as, begun.c, tokens.access_token, http)
  equal(stolen.status, 401, 'userinfo with a bound token as a bearer token')
})
await check('a JWT access token is one that a resource server accepts', async () => {
  const app = register('--access-token-format', 'jwt', '--resource', 'https://api.example')
  const auth = oauth.ClientSecretBasic(app.client_secret)
  const begun = await begin(app, { parameters: { resource: 'https://api.example' } })
  const answer = await oauth.authorizationCodeGrantRequest(as, begun.c, auth, begun.validated, redirectUri, begun.verifier, http)
  const tokens = await oauth.processAuthorizationCodeResponse(as, begun.c, answer, { expectedNonce: begun.nonce })
  const request = new Request('https://api.example/x', { headers: { authorization: `Bearer ${tokens.access_token}` } })
  const claims = await oauth.validateJwtAccessToken(as, request, 'https://api.example', http)
  equal(claims.client_id, app.client_id, 'client_id')
})
await check('introspection, signed too, and revocation', async () => {
  const app = register()
  app.metadata = { introspection_signed_response_alg: 'RS256' }
  const auth = oauth.ClientSecretBasic(app.client_secret)
  const begun = await begin(app)
  const tokens = await redeem(begun, auth)
  const ask = async (requestJwtResponse) => {
    const answer = await oauth.introspectionRequest(as, begun.c, auth, tokens.access_token, { ...http, requestJwtResponse })
    const state = await oauth.processIntrospectionResponse(as, begun.c, answer)
    if (requestJwtResponse) await oauth.validateApplicationLevelSignature(as, answer, http)
    return state.active
  }
  equal(await ask(false), true, 'active')
  equal(await ask(true), true, 'active, signed')
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, begun.c, auth, tokens.access_token, http))
  equal(await ask(false), false, 'active after revocation')
})
finish()
