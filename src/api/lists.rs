//! Lists: what they take and what they answer with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::admin::page::{Page, Wanted};

/// The query of a list that can be searched.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Only what holds this in its name or id, whatever its capitals.
    #[param(max_length = 100)]
    pub search: Option<String>,
    /// The page after: what `next` of the page before said.
    #[param(max_length = 100)]
    pub after: Option<String>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u16>,
}

impl Listing {
    /// What is wanted.
    pub fn wanted(self) -> Wanted {
        wanted(self.search, self.after, self.limit)
    }
}

/// What is wanted of a list.
pub fn wanted(search: Option<String>, after: Option<String>, limit: Option<u16>) -> Wanted {
    let usual = Wanted::default();
    Wanted {
        search: search.unwrap_or_default(),
        after,
        limit: limit.unwrap_or(usual.limit),
    }
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Listed<T> {
    /// Its entries.
    pub items: Vec<T>,
    /// What `after` is for the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> From<Page<T>> for Listed<T> {
    fn from(page: Page<T>) -> Self {
        Self {
            items: page.items,
            next: page.next,
        }
    }
}

/// Everything there is, without pages.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct All<T> {
    /// All of them.
    pub items: Vec<T>,
}
