// A person's browser with scripts, for judges in JavaScript: headless Chromium by its own driver, over WebDriver.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

const flags = [
  '--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
]
// Longer than any page takes on a busy machine.
const patience = 30_000

/** Starts the driver, has `use` use one browser, and ends both. */
export async function withBrowser(use) {
  const driver = spawn('chromedriver', ['--port=0', '--log-level=SEVERE'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let browser
  try {
    browser = await Browser.start(await portOf(driver))
    return await use(browser)
  } finally {
    await browser?.end()
    driver.kill()
  }
}

async function portOf(driver) {
  for await (const line of createInterface({ input: driver.stdout })) {
    const port = /started successfully on port (\d+)/.exec(line)?.[1]
    if (port) return port
  }
  throw new Error('chromedriver did not start')
}

class Browser {
  constructor(session) {
    this.session = session
  }

  static async start(port) {
    const options = { 'goog:chromeOptions': { args: flags }, 'goog:loggingPrefs': { browser: 'ALL' } }
    const base = `http://127.0.0.1:${port}/session`
    const { sessionId } = await send('POST', base, { capabilities: { alwaysMatch: { browserName: 'chrome', ...options } } })
    return new Browser(`${base}/${sessionId}`)
  }

  open(url) {
    return send('POST', `${this.session}/url`, { url })
  }

  title() {
    return send('GET', `${this.session}/title`)
  }

  /** Presses the button that says so, once it is there. */
  press(label) {
    const xpath = `//button[normalize-space()=${JSON.stringify(label)}]`
    return until(`a button that says ${label}`, this, async () => {
      const found = await send('POST', `${this.session}/element`, { using: 'xpath', value: xpath })
      await send('POST', `${this.session}/element/${Object.values(found)[0]}/click`, {})
      return true
    })
  }

  /** The title, once `wanted` holds for it. */
  titled(wanted) {
    return until('the title', this, async () => {
      const title = await this.title()
      return wanted(title) && title
    })
  }

  /** What the pages complained about. */
  complaints() {
    return send('POST', `${this.session}/se/log`, { type: 'browser' })
  }

  end() {
    return send('DELETE', this.session)
  }
}

async function until(what, browser, found) {
  const end = Date.now() + patience
  let last
  while (Date.now() < end) {
    try {
      const result = await found()
      if (result) return result
    } catch (error) {
      // Pages lead on by themselves: what is not there yet, or no more, is looked for again.
      last = error
    }
    await pause(50)
  }
  const said = (await browser.complaints()).map((one) => one.message).join('\n')
  throw new Error(`${what} did not come; the last page: ${await browser.title()}\n${said}`, { cause: last })
}

async function send(method, url, body) {
  const answer = await fetch(url, { method, body: body && JSON.stringify(body) })
  const { value } = await answer.json()
  if (!answer.ok) throw new Error(`${value.error}: ${value.message.split('\n')[0]}`)
  return value
}
