#!/usr/bin/env python3
"""A person's browser, without JavaScript, for judges in any language.

    browser.py [--jar FILE] START_URL STOP_PREFIX

Opens START_URL, follows redirects, refreshes and links to the operator, presses the first button of every
page ("Continue"), and stops where the browser would leave for a URL that starts with STOP_PREFIX. Prints
one JSON object: {"url": …} for a redirect, {"url": …, "form": {…}} for a form posted there, {"page": …}
with the title of the last page if there was nothing to press. Cookies are kept in FILE between calls.
"""

import http.cookiejar
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser

MOST_HOPS = 25


class Page(HTMLParser):
    """What a person can do on a page."""

    def __init__(self):
        super().__init__()
        self.refresh = None
        self.forms = []
        self.title = ""
        self._form = None
        self._in_title = False

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "meta" and attrs.get("http-equiv", "").lower() == "refresh":
            _, _, url = attrs.get("content", "").partition("url=")
            self.refresh = url or None
        elif tag == "form":
            self._form = {"action": attrs.get("action", ""), "method": attrs.get("method", "get").lower(), "fields": {}}
            self.forms.append(self._form)
        elif tag in ("input", "button") and self._form is not None and attrs.get("name"):
            self._form["fields"].setdefault(attrs["name"], attrs.get("value", ""))
        elif tag == "title":
            self._in_title = True

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data):
        if self._in_title:
            self.title += data


class Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by hand, so that the browser can stop before the app."""

    def redirect_request(self, *_):
        return None


class LocalSecure(http.cookiejar.DefaultCookiePolicy):
    """Browsers hold localhost for a secure place."""

    def return_ok_secure(self, cookie, request):
        return True


def main():
    arguments = sys.argv[1:]
    jar_file = None
    if arguments[:1] == ["--jar"]:
        jar_file, arguments = arguments[1], arguments[2:]
    url, stop = arguments
    jar = http.cookiejar.MozillaCookieJar(jar_file, policy=LocalSecure())
    if jar_file:
        try:
            jar.load(ignore_discard=True, ignore_expires=True)
        except FileNotFoundError:
            pass
    browser = urllib.request.build_opener(Stay(), urllib.request.HTTPCookieProcessor(jar), urllib.request.ProxyHandler({}))
    browser.addheaders = [("User-Agent", "judge"), ("Accept", "text/html")]
    found = walk(browser, url, stop)
    if jar_file:
        jar.save(ignore_discard=True, ignore_expires=True)
    print(json.dumps(found))


def walk(browser, url, stop):
    data = None
    for _ in range(MOST_HOPS):
        if url.startswith(stop):
            return {"url": url}
        request = urllib.request.Request(url, data=data)
        if data is not None:
            parts = urllib.parse.urlsplit(url)
            request.add_header("Origin", f"{parts.scheme}://{parts.netloc}")
        try:
            answer = browser.open(request)
        except urllib.error.HTTPError as error:
            answer = error
        data = None
        location = answer.headers.get("Location")
        if location:
            url = urllib.parse.urljoin(url, location)
            continue
        page = Page()
        page.feed(answer.read().decode("utf-8", "replace"))
        if page.refresh:
            url = urllib.parse.urljoin(url, page.refresh)
        elif page.forms:
            form = page.forms[0]
            target = urllib.parse.urljoin(url, form["action"])
            if target.startswith(stop):
                return {"url": target, "form": form["fields"]}
            encoded = urllib.parse.urlencode(form["fields"])
            if form["method"] == "post":
                data = encoded.encode()
                url = target
            else:
                url = f"{target}?{encoded}"
        else:
            return {"page": page.title.strip(), "status": answer.status}
    raise SystemExit(f"more than {MOST_HOPS} hops")


main()
