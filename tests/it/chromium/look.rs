//! What every screen must be, whatever it says: wide enough for its words and narrow enough for a small
//! phone, with targets for a thumb, readable for everybody, in both colour schemes. With
//! `NUMBERCLOAK_GALLERY` set, every screen is written there; with `NUMBERCLOAK_AXE`, the path of axe-core's
//! script, axe-core judges it too.

use std::path::Path;

use base64::Engine as _;
use serde_json::{Value, json};

use super::Chromium;
use super::driver::from_environment;

/// The narrowest phone there is (WCAG 2.2, 1.4.10).
const NARROWEST: u32 = 320;

/// Things to press that are smaller than a thumb, and what sticks out of the window.
const MEASURE: &str = r#"
const seen = (e) => e.getClientRects().length > 0 && !e.closest(".heard");
const targets = [...document.querySelectorAll("button, summary, input:not([type=hidden]), a")];
const small = targets.filter(seen).map((e) => [e, e.getBoundingClientRect()])
    .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
    .map(([e, box]) => e.tagName + " " + e.textContent.trim() + " " + box.width + "x" + box.height);
const root = document.documentElement;
return [small, root.scrollWidth - root.clientWidth, document.querySelectorAll("h1").length, root.lang, document.title];
"#;

/// Everything axe-core finds, as lines.
const JUDGE: &str = r#"
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then((found) => done(found.violations.flatMap((v) =>
    v.nodes.map((n) => v.id + ": " + v.help + ": " + n.html))), (e) => done(["axe: " + e]));
"#;

impl Chromium {
    /// Looks at the screen.
    pub async fn look(&self, name: &str) {
        self.settled().await;
        let axe = from_environment("NUMBERCLOAK_AXE");
        if axe.is_none() {
            self.measure(name, None).await;
            self.measure(name, Some(NARROWEST)).await;
        }
        for scheme in ["light", "dark"] {
            self.prefers(Some(scheme)).await;
            if let Some(folder) = from_environment("NUMBERCLOAK_GALLERY") {
                let file = format!("{name}-{}-{scheme}.png", self.kind.name());
                let file = Path::new(&folder).join(file);
                std::fs::write(file, self.picture().await).unwrap();
            }
            if let Some(axe) = &axe {
                // Its own work needs scripts. The page's stay as they are: they were not read.
                self.run_scripts(true).await;
                self.judge(name, scheme, axe).await;
                self.run_scripts(self.kind.scripts).await;
            }
        }
        self.prefers(None).await;
    }

    /// Whoever looks prefers this colour scheme, or has said nothing.
    pub async fn prefers(&self, scheme: Option<&str>) {
        let feature = |scheme| json!({"name": "prefers-color-scheme", "value": scheme});
        let features: Vec<_> = scheme.into_iter().map(feature).collect();
        let media = json!({"features": features});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Shows a page that leads on at once as if it stood still.
    pub async fn paint(&self, issuer: &str, source: &str) {
        self.open(issuer).await;
        self.shows("This is a sign-in service").await;
        let (before, rest) = source.split_once("<meta http-equiv=\"refresh\"").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        let tree = self.devtools("Page.getFrameTree", json!({})).await;
        let frame = &tree["frameTree"]["frame"]["id"];
        let content = json!({"frameId": frame, "html": format!("{before}{after}")});
        self.devtools("Page.setDocumentContent", content).await;
    }

    async fn measure(&self, name: &str, width: Option<u32>) {
        let (usual, height) = self.kind.size();
        if let Some(width) = width {
            self.resize(width, height).await;
        }
        let told = self.compute(MEASURE).await;
        assert_eq!(told[0], json!([]), "{name}: too small to press");
        assert_eq!(told[1], 0, "{name}: sticks out at {width:?}");
        assert_eq!(told[2], 1, "{name}: one heading");
        assert_ne!(told[3], "", "{name}: a language");
        if width.is_some() {
            self.resize(usual, height).await;
        }
    }

    /// Gives the page so many pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height,
            "deviceScaleFactor": if self.kind.phone { 2 } else { 1 }, "mobile": self.kind.phone,
        });
        let command = "Emulation.setDeviceMetricsOverride";
        self.devtools(command, metrics).await;
    }

    /// The whole page as a picture, PNG.
    pub async fn picture(&self) -> Vec<u8> {
        self.settled().await;
        let layout = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &layout["cssContentSize"];
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1,
        });
        let wish = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let told = self.devtools("Page.captureScreenshot", wish).await;
        let encoded = told["data"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
        bytes.unwrap()
    }

    /// Has axe-core, a script of this path, judge the page.
    pub async fn judge(&self, name: &str, scheme: &str, axe: &str) {
        let script = std::fs::read_to_string(axe).unwrap();
        // Once more where the page has refreshed itself meanwhile.
        let found = self.wait_for("axe", async || {
            if self.compute("return !window.axe").await == Value::Bool(true) {
                // By the browser's tools: the page's own policy lets no script in.
                let source = json!({"expression": script});
                self.devtools("Runtime.evaluate", source).await;
            }
            self.client.execute_async(JUDGE, Vec::new()).await.ok()
        });
        assert_eq!(found.await, json!([]), "{name}, {scheme}");
    }
}
