//! This dialect's pages: `page` and `limit` in, `pagination` out.

use serde::Serialize;
use utoipa::ToSchema;

use super::error::Problem;
use crate::store::page::Page;

/// The largest page; more is taken as this many.
const LARGEST: i64 = 100;
const USUAL: i64 = 50;

/// Which page is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    page: Option<i64>,
    limit: Option<i64>,
}

/// Which page this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pagination {
    #[schema(minimum = 1)]
    page: i64,
    #[schema(minimum = 1)]
    limit: i64,
    #[schema(minimum = 0)]
    total: i64,
    #[schema(minimum = 0)]
    total_pages: i64,
    has_next: bool,
    has_prev: bool,
}

impl Paging {
    /// These parameters.
    pub fn new(page: Option<i64>, limit: Option<i64>) -> Self {
        Paging { page, limit }
    }

    fn parts(self) -> Result<(i64, i64), Problem> {
        let page = self.page.unwrap_or(1);
        let limit = self.limit.unwrap_or(USUAL);
        if page < 1 {
            return Err(Problem::invalid("page", "must be an integer from 1"));
        }
        if limit < 1 {
            return Err(Problem::invalid("limit", "must be an integer from 1"));
        }
        Ok((page, limit.min(LARGEST)))
    }

    /// The page of the list.
    ///
    /// # Errors
    /// Below 1.
    pub fn page(self) -> Result<Page, Problem> {
        let (page, limit) = self.parts()?;
        Ok(Page::numbered(page, limit))
    }
}

impl Pagination {
    /// Of this page of a list of `total`.
    pub fn of(page: Page, total: i64) -> Self {
        let number = page.offset / page.size + 1;
        let total_pages = (total + page.size - 1) / page.size;
        Pagination {
            page: number,
            limit: page.size,
            total,
            total_pages,
            has_next: number < total_pages,
            has_prev: number > 1 && total > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_from_one_and_cut_at_a_hundred() {
        let page = Paging { page: Some(3), limit: Some(1_000) }.page().expect("a page");
        assert_eq!(page, Page { size: 100, offset: 200 });
        let shown = Pagination::of(page, 201);
        assert_eq!(
            (shown.page, shown.total_pages, shown.has_next, shown.has_prev),
            (3, 3, false, true)
        );
        assert!(Paging { page: Some(0), limit: None }.page().is_err());
        assert!(Paging { page: None, limit: Some(0) }.page().is_err());
        let empty = Pagination::of(Page::numbered(1, 50), 0);
        assert_eq!((empty.total_pages, empty.has_next, empty.has_prev), (0, false, false));
    }
}
