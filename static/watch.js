// Pages that wait. One of two: a hand-off, whose page is left for the next one when it stands elsewhere;
// or a phone without mobile data, whose page goes on when the connection has changed.
(() => {
  "use strict";

  const later = (seconds, work) => setTimeout(work, seconds * 1000);
  const ask = async (url) => {
    const answer = await fetch(url, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.status);
    return answer.json();
  };

  const handoff = (page) => {
    const { watch, state, seconds } = page.dataset;
    let left = false;
    const hear = (now) => {
      if (left || now === state) return;
      left = true;
      location.replace(watch);
    };
    const poll = () => {
      if (left) return;
      ask(watch + "/status").then((told) => hear(told.state)).catch(() => {}).finally(() => later(2, poll));
    };
    if (window.EventSource && watch.startsWith("/login/")) {
      const events = new EventSource(watch + "/events");
      events.addEventListener("state", (event) => hear(event.data));
      events.addEventListener("error", () => {
        // Closed for good: refused, or a proxy in between that does not let events through.
        if (events.readyState === EventSource.CLOSED) poll();
      });
      addEventListener("pagehide", () => events.close());
    } else {
      poll();
    }
    // How long the code is good, by the second.
    const good = page.querySelector("[data-good] bdi");
    const end = Date.now() + Number(seconds) * 1000;
    const count = () => {
      const rest = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      good.textContent = Math.floor(rest / 60) + ":" + String(rest % 60).padStart(2, "0");
      if (rest > 0 && !left) later(1, count);
    };
    if (good) count();
    // A code that is too old is replaced while somebody looks at it.
    const renew = document.querySelector('form[action$="/renew"]');
    if (renew && Number(seconds) > 0) {
      later(Number(seconds), function again() {
        if (left) return;
        if (document.hidden) later(1, again);
        else renew.submit();
      });
    }
  };

  const network = (page) => {
    const { network: url, from, after } = page.dataset;
    const form = document.querySelector('form[action$="/continue"]');
    if (!form) return;
    const say = (word) =>
      page.querySelectorAll("[data-say]").forEach((line) => { line.hidden = line.dataset.say !== word; });
    let over = false;
    let asked = false;
    const until = Date.now() + 5 * 60 * 1000;
    const look = async () => {
      if (over || asked || document.hidden) return;
      asked = true;
      try {
        const told = await ask(url + "?from=" + from);
        if (!told.here) {
          over = true;
          say("elsewhere");
        } else if (told.go) {
          over = true;
          say("going");
          const field = document.createElement("input");
          field.type = "hidden";
          field.name = "after";
          field.value = after;
          form.append(field);
          form.submit();
        }
      } catch {
        // Between two networks there is none.
      }
      asked = false;
    };
    const tick = () => {
      if (over || Date.now() > until) return;
      look();
      later(2, tick);
    };
    say("watching");
    later(2, tick);
    for (const event of ["online", "focus", "pageshow"]) addEventListener(event, look);
    document.addEventListener("visibilitychange", look);
    navigator.connection?.addEventListener?.("change", look);
  };

  const waiting = document.querySelector("[data-watch]");
  const offline = document.querySelector("[data-network]");
  if (waiting) handoff(waiting);
  if (offline) network(offline);
})();
