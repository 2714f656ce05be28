//! Long lists, a page at a time: each ends by saying where the next one begins.

use super::shown::Table;

/// The most rows that a page has, and how many it has if nothing is said.
const MAX_ROWS: i64 = 1_000;
const ROWS: u32 = 100;

/// How much is shown at once.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Page {
    /// How many rows to show.
    #[arg(long, default_value_t = ROWS, value_parser = clap::value_parser!(u32).range(1..=MAX_ROWS))]
    limit: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: ROWS }
    }
}

impl Page {
    /// How many rows to ask for: one more than fits tells that there are more.
    pub fn wanted(self) -> usize {
        self.rows() + 1
    }

    /// Takes from the rows what does not fit. Yields the place of the last one that does, if there are more, for `--after`.
    pub fn cut<T>(self, rows: &mut Vec<T>, place: impl Fn(&T) -> String) -> Table {
        let mut next = Table::new("more", &["after"]);
        let more = rows.len() > self.rows();
        rows.truncate(self.rows());
        if let Some(last) = rows.last().filter(|_| more) {
            next.row([place(last)]);
        }
        next
    }

    fn rows(self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}
