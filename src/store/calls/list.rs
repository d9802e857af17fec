//! Lists of calls: narrowed, sorted, a page at a time, with their number.
//!
//! Three indexes begin with a sort key and hold every column that narrows, so that a list is read from
//! an index alone, whatever is combined; a fourth counts by [`facets`] without looking at what is not
//! wanted. What little there is to find is found in one pass; of what is dense, the first page comes at
//! once and its number from a count; a page past the middle is read from the end. Rows are fetched for
//! one page only.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{CallRow, SELECT, facets};
use crate::{
    domain::{BusinessId, Call, Direction, Mood, Search, State, TenantId, UserId},
    store::{
        Db, Sql, StoreError,
        page::{Page, Paged},
        sql,
    },
};

/// So many identifiers are looked at first; if there are no more, they need not be counted.
const FIRST_LOOK: i64 = 1_000;
/// The same where every number is looked into for a part of it: counting is another such look.
const FIRST_SEARCH: i64 = 4_000;

/// Which calls are wanted. What is left open does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub states: Option<&'static [State]>,
    /// Has it an escalation that is not cancelled?
    pub escalated: Option<bool>,
    pub direction: Option<Direction>,
    pub business: Option<BusinessId>,
    /// Started then or later.
    pub from: Option<DateTime<Utc>>,
    /// Started before.
    pub before: Option<DateTime<Utc>>,
    pub search: Option<Search>,
    /// 0 to 1, as is the next; calls without a score are neither above nor below.
    pub min_qa: Option<f64>,
    pub max_qa: Option<f64>,
    pub mood: Option<Mood>,
    /// Whose jobs' calls alone.
    pub assigned_to: Option<UserId>,
}

/// What calls are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    #[default]
    StartedAt,
    Duration,
    QaScore,
}

/// How calls are sorted. Those without a value of the key come last in either order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    pub key: Key,
    pub ascending: bool,
}

/// The calls that have a value of the sort key, and those that have none.
#[derive(Clone, Copy)]
enum Part {
    Valued,
    Unvalued,
}

/// One list.
struct List<'a> {
    db: &'a Db,
    tenant: TenantId,
    wanted: &'a Wanted,
    sort: Sort,
}

/// A page of the tenant's calls.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &Db,
    tenant: TenantId,
    wanted: &Wanted,
    sort: Sort,
    page: Page,
) -> Result<Paged<Call>, StoreError> {
    let list = List { db, tenant, wanted, sort };
    let (ids, total) = list.page(page).await?;
    Ok(Paged { items: rows(db, ids).await?, total })
}

/// These calls, in this order. The identifiers are of one tenant's list.
async fn rows(db: &Db, ids: Vec<Uuid>) -> Result<Vec<Call>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = sql(SELECT).push("WHERE 1 = 1").and_in("c.id", ids.iter().copied());
    let rows: Vec<CallRow> = db.all(select).await?;
    let mut calls = HashMap::with_capacity(rows.len());
    for row in rows {
        calls.insert(row.id, Call::try_from(row)?);
    }
    Ok(ids.iter().filter_map(|id| calls.remove(id)).collect())
}

impl List<'_> {
    /// The identifiers on a page, and how many there are in all.
    async fn page(&self, page: Page) -> Result<(Vec<Uuid>, i64), StoreError> {
        let ascending = self.sort.ascending;
        let searches = matches!(self.wanted.search, Some(Search::Part { .. }));
        let look = if searches { FIRST_SEARCH } else { FIRST_LOOK };
        if searches && page.offset >= look {
            // Both are long: they are done at once.
            let window = self.ids(Part::Valued, ascending, page.size, page.offset);
            let (total, ids) = tokio::try_join!(self.count(None), window)?;
            if count(&ids) == page.size {
                return Ok((ids, total));
            }
        }
        let mut ids = self.ids(Part::Valued, ascending, look, 0).await?;
        if ids.len() < most(look) && self.sort.key != Key::StartedAt {
            let left = look - count(&ids);
            ids.extend(self.ids(Part::Unvalued, ascending, left, 0).await?);
        }
        let seen = count(&ids);
        let total = match seen < look {
            true => seen,
            false => self.count(None).await?,
        };
        if page.offset.saturating_add(page.size) <= seen || total == seen {
            let ids = ids.into_iter().skip(most(page.offset)).take(most(page.size));
            return Ok((ids.collect(), total));
        }
        let valued = match self.sort.key {
            Key::StartedAt => total,
            Key::Duration | Key::QaScore => {
                (total - self.count(Some(Part::Unvalued)).await?).max(0)
            }
        };
        let end = page.offset.saturating_add(page.size).min(total);
        let (from, to) = (page.offset.min(valued), end.min(valued));
        let mut ids = self.window(Part::Valued, valued, from, to).await?;
        let (from, to) = (page.offset.max(valued) - valued, end.max(valued) - valued);
        ids.extend(self.window(Part::Unvalued, total - valued, from, to).await?);
        Ok((ids, total))
    }

    /// Those from `from` to before `to` of a part of `length`, read from its nearer end.
    async fn window(
        &self,
        part: Part,
        length: i64,
        from: i64,
        to: i64,
    ) -> Result<Vec<Uuid>, StoreError> {
        let ascending = self.sort.ascending;
        if from >= to {
            return Ok(Vec::new());
        }
        if from <= length - to {
            return self.ids(part, ascending, to - from, from).await;
        }
        let mut ids = self.ids(part, !ascending, to - from, length - to).await?;
        ids.reverse();
        Ok(ids)
    }

    async fn ids(
        &self,
        part: Part,
        ascending: bool,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<Uuid>, StoreError> {
        let select = self.ordered(part, ascending).push("LIMIT").arg(limit);
        let rows: Vec<(Uuid,)> = self.db.all(select.push("OFFSET").arg(offset)).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// How many there are, or are in a part.
    async fn count(&self, part: Option<Part>) -> Result<i64, StoreError> {
        let (count,): (i64,) = self.db.one(self.counted(part)).await?;
        Ok(count)
    }

    fn counted(&self, part: Option<Part>) -> Sql {
        let select = self.narrowed(sql("SELECT count(*)"), true);
        match part {
            None => select,
            Some(part) => self.of_part(select, part),
        }
    }

    fn of_part(&self, select: Sql, part: Part) -> Sql {
        match (self.sort.key, part) {
            (Key::StartedAt, _) => select,
            (Key::Duration, Part::Valued) => select.push("AND c.duration_seconds IS NOT NULL"),
            (Key::Duration, Part::Unvalued) => select.push("AND c.duration_seconds IS NULL"),
            (Key::QaScore, Part::Valued) => select.push("AND c.qa_score IS NOT NULL"),
            (Key::QaScore, Part::Unvalued) => select.push("AND c.qa_score IS NULL"),
        }
    }

    fn ordered(&self, part: Part, ascending: bool) -> Sql {
        let select = self.of_part(self.narrowed(sql("SELECT c.id"), false), part);
        // The id breaks ties: calls of one microsecond must not hide each other.
        select.push(match (self.sort.key, ascending) {
            (Key::StartedAt, true) => "ORDER BY c.started_at, c.id",
            (Key::StartedAt, false) => "ORDER BY c.started_at DESC, c.id DESC",
            (Key::Duration, true) => "ORDER BY c.duration_seconds, c.id",
            (Key::Duration, false) => "ORDER BY c.duration_seconds DESC, c.id DESC",
            (Key::QaScore, true) => "ORDER BY c.qa_score, c.id",
            (Key::QaScore, false) => "ORDER BY c.qa_score DESC, c.id DESC",
        })
    }

    /// `FROM … WHERE`. `counting`: any index will do. Else the order decides, and neither facets nor a range of scores
    /// must draw SQLite to an index whose rows it would have to sort.
    fn narrowed(&self, select: Sql, counting: bool) -> Sql {
        let (wanted, sought) = (self.wanted, counting || self.db.knows_its_data());
        // A technician has few jobs, which come first: SQLite takes a CROSS JOIN as it is written.
        let mut select = match wanted.assigned_to {
            None => select.push("FROM calls c WHERE c.tenant_id =").arg(self.tenant),
            Some(user) => select
                .push("FROM job_assignments j CROSS JOIN calls c WHERE j.user_id =")
                .arg(user)
                .push("AND c.job_id = j.job_id AND c.tenant_id =")
                .arg(self.tenant),
        };
        if let Some(facets) = facets::of(wanted) {
            select = select.and_any(if sought { "c.facets" } else { "+c.facets" }, &facets);
        }
        // Few calls run; they have an index of their own, in the usual order.
        let running = |states: &[State]| states.iter().all(|state| !state.is_over());
        if !sought && wanted.states.is_some_and(running) {
            select = select.push("AND c.ended_at IS NULL");
        }
        select = select
            .and("c.business_id =", wanted.business)
            .and("c.started_at >=", wanted.from)
            .and("c.started_at <", wanted.before);
        let (above, below) = match sought || self.sort.key == Key::QaScore {
            true => ("c.qa_score >=", "c.qa_score <="),
            false => ("+c.qa_score >=", "+c.qa_score <="),
        };
        select = select.and(above, wanted.min_qa).and(below, wanted.max_qa);
        if let Some(search) = &wanted.search {
            select = self.found(select, search);
        }
        select
    }

    fn found(&self, select: Sql, search: &Search) -> Sql {
        match search {
            Search::Id(id) => select.and("c.id =", Some(*id)),
            Search::Sid(sid) => select.and("c.call_sid =", Some(sid.as_str())),
            Search::Part { number, ids } => {
                let select = select.push("AND (").contains(self.db, "c.numbers", number.as_str());
                let select = match ids {
                    None => select,
                    Some((first, last)) => {
                        select.push("OR c.id BETWEEN").arg(*first).push("AND").arg(*last)
                    }
                };
                select.push(")")
            }
        }
    }
}

fn count(ids: &[Uuid]) -> i64 {
    i64::try_from(ids.len()).unwrap_or(i64::MAX)
}

fn most(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How the main statements are carried out, in the words of the engine: for a look at the indexes
/// that serve them.
///
/// # Errors
/// [`StoreError`].
pub async fn plan(
    db: &Db,
    tenant: TenantId,
    wanted: &Wanted,
    sort: Sort,
) -> Result<[Vec<String>; 2], StoreError> {
    let list = List { db, tenant, wanted, sort };
    let ids = list.ordered(Part::Valued, sort.ascending).push("LIMIT").arg(50_i64);
    Ok([db.explain(ids).await?, db.explain(list.counted(None)).await?])
}
