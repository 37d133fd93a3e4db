//! What every page for staff must be, whatever it says: as wide as the window of a small phone and of a
//! desktop, one heading, named fields, things to press that can be met, in both colour schemes. What is folded
//! away counts, too.

use std::path::Path;

use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::chromium::driver::from_environment;

/// The narrowest phone there is (WCAG 2.2, 1.4.10), an ordinary one, a desktop.
const WIDTHS: [u32; 3] = [320, 375, 1280];

/// The two that are pictured.
const PICTURED: [(&str, u32); 2] = [("phone", 375), ("desktop", 1280)];

/// Opens what is folded, and remembers which.
const UNFOLD: &str = r#"
for (const one of document.querySelectorAll("details:not([open])")) { one.removeAttribute("name"); one.open = true; one.dataset.folded = ""; }
"#;

const FOLD: &str = r#"
for (const one of document.querySelectorAll("[data-folded]")) { one.open = false; delete one.dataset.folded; }
"#;

/// Everything that is wrong with the page, as lines.
const WRONG: &str = r##"
const wrong = [], root = document.documentElement;
const all = (selector) => [...document.querySelectorAll(selector)];
const say = (what, e) => wrong.push(what + ": " + (e ? e.outerHTML.slice(0, 160) : ""));
if (root.scrollWidth > root.clientWidth) {
  say("scrolls sideways by " + (root.scrollWidth - root.clientWidth));
  for (const e of all("main *, header *, nav *")) {
    const scroller = e.parentElement.closest(".table, pre");
    if (e.getBoundingClientRect().right > root.clientWidth + 1 && !scroller) say("sticks out", e);
  }
}
const headings = all("h1, h2, h3, h4").map((e) => +e.tagName[1]);
if (headings.filter((level) => level === 1).length !== 1) say("not one h1 but " + headings);
headings.forEach((level, i) => { if (i && level > headings[i - 1] + 1) say("a heading's level is left out: " + headings); });
if (!/^.+ – .+$/.test(document.title)) say("title " + document.title);
if (root.lang !== "en") say("language");
if (all("main").length !== 1) say("one main");
const ids = all("[id]").map((e) => e.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) say("id twice, " + id);
for (const name of ["for", "aria-describedby", "aria-labelledby", "aria-controls"])
  for (const e of all("[" + name + "]"))
    for (const id of e.getAttribute(name).split(/\s+/)) if (!document.getElementById(id)) say(name + " of nothing", e);
for (const e of all("input:not([type=hidden]), select, textarea"))
  if (!e.labels.length && !e.ariaLabel) say("without a label", e);
for (const e of all("a, button, summary")) if (!(e.textContent.trim() || e.ariaLabel)) say("without words", e);
for (const e of all("[tabindex]")) if (e.tabIndex > 0) say("jumps the queue", e);
for (const e of all("th:not([scope])")) say("a heading of nothing", e);
for (const e of all("img:not([alt]), svg:not([aria-hidden], [role=img])")) say("a picture without words", e);
for (const e of all("form[method=post]"))
  if (!e.elements.csrf && !location.pathname.startsWith("/setup/")) say("a form without its token", e);
for (const e of all("button, summary, select, input:not([type=hidden]), .button, nav a, .chip")) {
  const box = (e.closest("label") || e).getBoundingClientRect();
  if (e.checkVisibility() && !e.closest(".heard") && (box.height < 24 || box.width < 24)) say("too small to press", e);
}
for (const e of all("main p, main dd, main td, main th, main h1, main h2, main li")) {
  const style = getComputedStyle(e);
  if (e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 && e.clientWidth && style.overflowX === "visible"
    && style.display !== "inline" && !e.closest(".table, pre, svg")) say("spills out of its box", e);
}
return wrong;
"##;

impl Chromium {
    /// Looks at the page.
    pub async fn face(&self, name: &str) {
        self.settled().await;
        let (usual, height) = self.kind.size();
        let axe = from_environment("NUMBERCLOAK_AXE").filter(|_| self.kind.scripts);
        let gallery = from_environment("NUMBERCLOAK_GALLERY").filter(|_| self.kind.scripts);
        if axe.is_none() {
            let look =
                format!("{UNFOLD} const told = (() => {{ {WRONG} }})(); {FOLD} return told;");
            for width in WIDTHS {
                self.resize(width, height).await;
                let wrong = self.compute(&look).await;
                assert_eq!(wrong, json!([]), "{name}, {width} wide");
            }
        }
        let is_shown = axe.is_some() || gallery.is_some();
        for scheme in ["light", "dark"].into_iter().filter(|_| is_shown) {
            self.prefers(Some(scheme)).await;
            if let Some(folder) = &gallery {
                for (device, width) in PICTURED {
                    self.resize(width, height).await;
                    let file = format!("{name}-{device}-{scheme}.png");
                    std::fs::write(Path::new(folder).join(file), self.picture().await).unwrap();
                }
            }
            if let Some(axe) = &axe {
                self.compute(UNFOLD).await;
                for (device, width) in PICTURED {
                    self.resize(width, height).await;
                    self.judge(&format!("{name}, {device}"), scheme, axe).await;
                }
                self.compute(FOLD).await;
            }
        }
        if is_shown {
            self.prefers(None).await;
        }
        self.resize(usual, height).await;
        assert_eq!(self.complaints().await, Vec::<String>::new(), "{name}");
    }

    /// The page's HTTP status.
    pub async fn status(&self) -> Value {
        self.compute("return performance.getEntriesByType('navigation')[0].responseStatus")
            .await
    }
}
