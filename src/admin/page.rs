//! Lists, page by page: each page begins after the last entry of the one before (keyset), so that it
//! costs the same however far down it is, and an entry that comes or goes meanwhile moves no other.

use uuid::Uuid;

use crate::admin::Refused;

/// Entries on one page at most.
pub const MOST: u16 = 200;
/// The longest search text, characters.
const LONGEST: usize = 100;

/// What is wanted of a list.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Words that an entry's name or id must hold, whatever their capitals; empty: every entry.
    pub search: String,
    /// The cursor that the page before ended with.
    pub after: Option<String>,
    /// Entries at most.
    pub limit: u16,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            search: String::new(),
            after: None,
            limit: 50,
        }
    }
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Its entries.
    pub items: Vec<T>,
    /// The cursor of the next one, if there is one.
    pub next: Option<String>,
}

impl Wanted {
    /// Refuses what no list has.
    pub(super) fn check(&self) -> Result<(), Refused> {
        if !(1..=MOST).contains(&self.limit) {
            return Err(Refused::invalid("limit", format!("is 1 to {MOST}")));
        }
        let odd = |text: &str| text.chars().count() > LONGEST || text.chars().any(char::is_control);
        if odd(&self.search) {
            return Err(Refused::invalid("search", "is at most 100 characters"));
        }
        if self.after.as_deref().is_some_and(odd) {
            return Err(Refused::invalid("after", "is what `next` of a page said"));
        }
        Ok(())
    }

    /// Where the page begins.
    pub(super) fn begin(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    /// The same where the cursor is a row's id.
    pub(super) fn id_cursor(&self) -> Result<Option<Uuid>, Refused> {
        let read = |cursor: &String| {
            cursor
                .parse()
                .map_err(|_| Refused::invalid("after", "is what `next` of a page said"))
        };
        self.after.as_ref().map(read).transpose()
    }

    /// Rows to read: one more than the page holds tells whether there is another page.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts what was read to the page.
    pub(super) fn page<T>(&self, mut rows: Vec<T>, cursor: impl Fn(&T) -> String) -> Page<T> {
        let limit = usize::from(self.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        Page { items: rows, next }
    }
}

impl<T> Page<T> {
    /// The same page with other entries.
    #[must_use]
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(to).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_next_one_only_if_a_row_is_left() {
        let wanted = Wanted {
            limit: 2,
            ..Wanted::default()
        };
        let page = |rows: Vec<u8>| wanted.page(rows, |row| row.to_string());
        assert_eq!(page(vec![1, 2, 3]).next.as_deref(), Some("2"));
        assert_eq!(page(vec![1, 2, 3]).items, [1, 2]);
        assert_eq!(page(vec![1, 2]).next, None);
        assert_eq!(page(vec![]).next, None);
    }

    #[test]
    fn what_no_list_has_is_refused_by_its_field() {
        let refused = |wanted: Wanted| match wanted.check() {
            Err(Refused::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert!(Wanted::default().check().is_ok());
        for limit in [0, MOST + 1] {
            let wanted = Wanted {
                limit,
                ..Wanted::default()
            };
            assert_eq!(refused(wanted), "limit");
        }
        let search = "x".repeat(LONGEST + 1);
        let wanted = Wanted {
            search,
            ..Wanted::default()
        };
        assert_eq!(refused(wanted), "search");
        let wanted = Wanted {
            after: Some("a\nb".to_owned()),
            ..Wanted::default()
        };
        assert_eq!(refused(wanted), "after");
    }
}
