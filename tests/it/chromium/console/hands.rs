//! What staff do in a page, as a person does it: links, buttons, fields, keys.

use fantoccini::Locator;
use serde_json::json;

use crate::chromium::Chromium;

/// The Tab key.
pub const TAB: &str = "\u{e004}";
/// The Enter key.
pub const ENTER: &str = "\u{e007}";

impl Chromium {
    /// Follows the link whose text begins so; one of the page's own if there is one.
    pub async fn follow(&self, text: &str) {
        let link = format!("//a[starts-with(normalize-space(.), \"{text}\")]");
        self.settled().await;
        let own = Locator::XPath(&format!("//main{link}"));
        let is_own = !self.client.find_all(own).await.unwrap().is_empty();
        let within = if is_own { "//main" } else { "" };
        self.click(&format!("{within}{link}")).await;
    }

    /// Presses the button that says exactly this.
    pub async fn submit(&self, text: &str) {
        self.click(&format!("//button[normalize-space(.) = \"{text}\"]"))
            .await;
    }

    /// Ticks or chooses the one with this value; its label is what people press.
    pub async fn choose(&self, field: &str, value: &str) {
        self.click(&format!(
            "//label[input[@name=\"{field}\" and @value=\"{value}\"]]"
        ))
        .await;
    }

    /// Follows the link that begins so, in the row with these words.
    pub async fn click_in(&self, row: &str, link: &str) {
        self.click(&format!(
            "//tr[contains(., \"{row}\")]//a[starts-with(normalize-space(.), \"{link}\")]"
        ))
        .await;
    }

    /// Opens what is folded in the list's entry with these words.
    pub async fn unfold(&self, entry: &str) {
        self.click(&format!("//li[contains(., \"{entry}\")]//summary"))
            .await;
    }

    /// Waits until the page says what is wrong.
    pub async fn wait_for_alert(&self) {
        self.wait_for("an alert", async || {
            self.client.find(Locator::Css("[role=alert]")).await.ok()
        })
        .await;
    }

    async fn click(&self, path: &str) {
        self.wait_for(path, async || {
            for found in self.client.find_all(Locator::XPath(path)).await.ok()? {
                if found.is_displayed().await.ok()? {
                    return found.click().await.ok();
                }
            }
            None
        })
        .await;
    }

    /// Chooses from a select.
    pub async fn select(&self, field: &str, value: &str) {
        let path = format!("select[name=\"{field}\"]");
        self.wait_for(field, async || {
            let select = self.client.find(Locator::Css(&path)).await.ok()?;
            select.select_by_value(value).await.ok()
        })
        .await;
    }

    /// Writes into the field with this name, whatever its kind; what stood there goes.
    pub async fn fill(&self, field: &str, text: &str) {
        let path = format!(":is(input, textarea)[name=\"{field}\"]:not([type=hidden])");
        self.wait_for(field, async || {
            let found = self.client.find(Locator::Css(&path)).await.ok()?;
            found.clear().await.ok()?;
            found.send_keys(text).await.ok()
        })
        .await;
    }

    /// Names a file for the field.
    pub async fn attach(&self, field: &str, file: &std::path::Path) {
        let path = format!("input[name=\"{field}\"]");
        self.wait_for(field, async || {
            let found = self.client.find(Locator::Css(&path)).await.ok()?;
            found.send_keys(file.to_str().unwrap()).await.ok()
        })
        .await;
    }

    /// Presses a key, wherever the focus is.
    pub async fn key(&self, key: &str) {
        self.wait_for("a key", async || {
            let here = self.client.active_element().await.ok()?;
            here.send_keys(key).await.ok()
        })
        .await;
    }

    /// Presses the copy button of this text, and gives what the clipboard then holds, without the last line's end.
    pub async fn copies(&self, what: &str) -> String {
        let granted = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
        self.devtools("Browser.grantPermissions", granted).await;
        self.click(&format!("//button[@aria-label=\"Copy {what}\"]"))
            .await;
        let done = format!("//button[@aria-label=\"Copied {what}\"]");
        self.wait_for("Copied", async || {
            self.client.find(Locator::XPath(&done)).await.ok()
        })
        .await;
        let read = "const done = arguments[0]; navigator.clipboard.readText().then(done, done);";
        let held = self.client.execute_async(read, Vec::new()).await.unwrap();
        held.as_str().unwrap().trim().to_owned()
    }

    /// Whether anything fits this selector now.
    pub async fn has(&self, selector: &str) -> bool {
        self.settled().await;
        let found = self.client.find_all(Locator::Css(selector)).await;
        !found.unwrap().is_empty()
    }
}
