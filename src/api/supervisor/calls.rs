//! `/api/v1/calls`: reading them.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    context::{Cx, SeeCalls},
    error::{ErrorResponse, Problem},
    input::{Id, Params, parsed},
    page::{Pagination, Paging},
    wire::{
        agent::HumanAgent,
        call::{Call, CallDirection, CallStatus, SentimentLabel},
        record::{CallInteraction, Escalation, LineSpeaker, QAScore},
        words::words,
    },
};
use crate::{
    app::CallDetails,
    domain::{BusinessId, CallId, Search, Speaker, calendar::Bound},
    store::{
        calls::{Key, Sort, Wanted},
        page::Page,
    },
};

/// Lines of a transcript in one answer, unless fewer are asked for; and the most.
const USUAL_LINES: i64 = 1_000;
const MOST_LINES: i64 = 10_000;

words! {
    SortBy { StartedAt = "started_at", Duration = "duration", QaScore = "qa_score" }
    SortOrder { Ascending = "asc", Descending = "desc" }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    page: Option<i64>,
    limit: Option<i64>,
    status: Option<CallStatus>,
    direction: Option<CallDirection>,
    business_id: Option<String>,
    /// Lower bound of started_at
    from_date: Option<String>,
    /// Upper bound of started_at
    to_date: Option<String>,
    /// Search by phone number or call ID
    search: Option<String>,
    #[param(inline)]
    sort_by: Option<SortBy>,
    #[param(inline)]
    sort_order: Option<SortOrder>,
    /// Filter by minimum QA score
    #[param(minimum = 0, maximum = 1)]
    min_qa_score: Option<f64>,
    /// Filter by maximum QA score
    #[param(minimum = 0, maximum = 1)]
    max_qa_score: Option<f64>,
    sentiment: Option<SentimentLabel>,
}

impl ListParams {
    fn page(&self) -> Result<Page, Problem> {
        Paging::new(self.page, self.limit).page()
    }

    fn sort(&self) -> Sort {
        let key = match self.sort_by {
            None | Some(SortBy::StartedAt) => Key::StartedAt,
            Some(SortBy::Duration) => Key::Duration,
            Some(SortBy::QaScore) => Key::QaScore,
        };
        Sort { key, ascending: self.sort_order == Some(SortOrder::Ascending) }
    }

    /// None: no call can be meant.
    fn wanted(&self, zone: chrono_tz::Tz) -> Result<Option<Wanted>, Problem> {
        let from: Option<Bound> = parsed("from_date", self.from_date.as_deref())?;
        let to: Option<Bound> = parsed("to_date", self.to_date.as_deref())?;
        let (from, before) = (from.map(|from| from.first(zone)), to.map(|to| to.end(zone)));
        if from.zip(before).is_some_and(|(from, before)| from >= before) {
            return Err(Problem::invalid("from_date", "must not be after to_date"));
        }
        let scores = [("min_qa_score", self.min_qa_score), ("max_qa_score", self.max_qa_score)];
        for (name, score) in scores {
            if score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
                return Err(Problem::invalid(name, "must be a number from 0 to 1"));
            }
        }
        if self.min_qa_score.zip(self.max_qa_score).is_some_and(|(min, max)| min > max) {
            return Err(Problem::invalid("min_qa_score", "must not be above max_qa_score"));
        }
        let business = match self.business_id.as_deref().filter(|id| !id.is_empty()) {
            None => None,
            Some(id) => match id.parse::<BusinessId>() {
                Ok(id) => Some(id),
                Err(_) => return Ok(None),
            },
        };
        let (states, escalated) = match self.status.map(CallStatus::states) {
            None => (None, None),
            Some((states, escalated)) => (Some(states), escalated),
        };
        Ok(Some(Wanted {
            states,
            escalated,
            direction: self.direction.map(Into::into),
            business,
            from,
            before,
            search: self.search.as_deref().and_then(Search::of),
            min_qa: self.min_qa_score,
            max_qa: self.max_qa_score,
            mood: self.sentiment.map(Into::into),
            assigned_to: None,
        }))
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct CallList {
    calls: Vec<Call>,
    pagination: Pagination,
}

/// List calls
#[utoipa::path(
    get, path = "/calls", operation_id = "list_calls", tag = "Calls", params(ListParams),
    responses((status = 200, body = CallList), (status = 400, body = ErrorResponse))
)]
pub(super) async fn list_calls(
    cx: Cx<SeeCalls>,
    Params(params): Params<ListParams>,
) -> Result<Json<CallList>, Problem> {
    let page = params.page()?;
    let zone = cx.app.time_zone(&cx.actor).await?;
    let Some(wanted) = params.wanted(zone)? else {
        return Ok(Json(CallList { calls: Vec::new(), pagination: Pagination::of(page, 0) }));
    };
    let calls = cx.app.list_calls(&cx.actor, wanted, params.sort(), page).await?;
    let pagination = Pagination::of(page, calls.total);
    Ok(Json(CallList { calls: calls.items.iter().map(Call::from).collect(), pagination }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct CallAnswer {
    call: Call,
    #[schema(minimum = 0)]
    interactions_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    qa_scores: Option<QAScore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    escalation: Option<Escalation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent: Option<HumanAgent>,
}

impl From<&CallDetails> for CallAnswer {
    fn from(details: &CallDetails) -> Self {
        CallAnswer {
            call: Call::from(&details.call),
            interactions_count: details.interactions,
            qa_scores: details.qa_score.as_ref().map(Into::into),
            escalation: details.escalation.as_ref().map(Into::into),
            agent: details.agent.as_ref().map(Into::into),
        }
    }
}

/// Get call details
#[utoipa::path(
    get, path = "/calls/{call_id}", operation_id = "get_call", tag = "Calls",
    params(("call_id" = String, Path)),
    responses((status = 200, body = CallAnswer), (status = 404, body = ErrorResponse))
)]
pub(super) async fn get_call(
    cx: Cx<SeeCalls>,
    Id(id): Id<CallId>,
) -> Result<Json<CallAnswer>, Problem> {
    let details = cx.app.call_details(&cx.actor, id).await?;
    Ok(Json(CallAnswer::from(&details)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LineParams {
    limit: Option<i64>,
    offset: Option<i64>,
    #[param(inline)]
    speaker: Option<LineSpeaker>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct InteractionList {
    interactions: Vec<CallInteraction>,
    /// Number that match speaker, before limit and offset
    #[schema(minimum = 0)]
    total: i64,
}

/// Get the transcript of a call
#[utoipa::path(
    get, path = "/calls/{call_id}/interactions", operation_id = "list_call_interactions",
    tag = "Calls", params(("call_id" = String, Path), LineParams),
    responses(
        (status = 200, body = InteractionList), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn list_call_interactions(
    cx: Cx<SeeCalls>,
    Id(id): Id<CallId>,
    Params(params): Params<LineParams>,
) -> Result<Json<InteractionList>, Problem> {
    let (limit, offset) = (params.limit.unwrap_or(USUAL_LINES), params.offset.unwrap_or(0));
    if limit < 1 {
        return Err(Problem::invalid("limit", "must be an integer from 1"));
    }
    if offset < 0 {
        return Err(Problem::invalid("offset", "must be an integer from 0"));
    }
    const ALL: &[Speaker] = &[Speaker::Ai, Speaker::Customer, Speaker::Agent];
    let speakers = params.speaker.map_or(ALL, LineSpeaker::speakers);
    let part = (limit.min(MOST_LINES), offset);
    let lines = cx.app.interactions(&cx.actor, id, speakers, part).await?;
    let interactions = lines.items.iter().map(CallInteraction::from).collect();
    Ok(Json(InteractionList { interactions, total: lines.total }))
}
