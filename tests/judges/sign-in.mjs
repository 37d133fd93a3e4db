// What the judges in JavaScript share: registering an app, walking the browser, counting what held.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const issuer = process.env.ISSUER
export const number = process.env.NUMBER
export const redirectUri = 'http://127.0.0.1:9999/callback'
const jars = mkdtempSync(join(tmpdir(), 'judge-'))
let passed = 0
const failed = []

/** Runs the command line on this server; returns what it printed as JSON. */
export function command(...args) {
  const [program, ...first] = process.env.NUMBERCLOAK.split(' ')
  return JSON.parse(execFileSync(program, [...first, ...args], { encoding: 'utf8' }))
}

/** Registers an app with the command line; returns what it printed. */
export function register(...flags) {
  const args = ['client', 'create', '--name', 'Judge', '--test', '--json']
  if (!flags.includes('--redirect-uri')) args.push('--redirect-uri', redirectUri)
  return command(...args, ...flags)
}

/** Writes a file for a flag that takes one. */
export function file(name, content) {
  const path = join(jars, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

/** Walks a person's browser from a URL to the app's. Browsers with the same name share cookies. */
export function browse(url, { jar = `jar-${Math.random()}`, stop = redirectUri } = {}) {
  const args = ['--jar', join(jars, jar), String(url), stop]
  const found = JSON.parse(execFileSync(process.env.BROWSER, args, { encoding: 'utf8' }))
  if (!found.url) throw new Error(`the browser ended at ${JSON.stringify(found)}`)
  if (!found.form) return new URL(found.url)
  return new Request(found.url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(found.form),
  })
}

/** Runs one case. */
export async function check(name, run) {
  try {
    await run()
    passed += 1
    console.log(`ok - ${name}`)
  } catch (error) {
    failed.push(name)
    console.log(`not ok - ${name}: ${error.stack ?? error}`)
    if (error.cause) console.log('  cause:', error.cause)
  }
}

export function equal(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
}

let people = 8000
/** The number of an ordinary SIM nobody used yet: one number may be checked ten times an hour. */
export function newNumber() {
  people += 1
  return `+99070${people}`
}

/** The claims of a sign-in for a number, the usual one unless told otherwise. */
export function isVerified(claims, expected = number) {
  equal(claims.phone_number, expected, 'phone_number')
  equal(claims.phone_number_verified, true, 'phone_number_verified')
  equal(claims.number_verification?.method, 'verify', 'number_verification.method')
}

/** Prints the result and ends the process. */
export function finish() {
  console.log(`${passed} passed, ${failed.length} failed`)
  process.exit(failed.length ? 1 : 0)
}
