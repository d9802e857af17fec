//! `/api/v1/analytics`.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    context::{Cx, SeeStatistics, Write},
    error::{ErrorResponse, Problem},
    input::{Body, Params, given, parsed},
    wire::analytics::{
        AnalyticsOverview, CallVolume, EscalationAnalytics, QaAnalytics, SentimentAnalytics,
    },
};
use crate::{
    app::{Asked, Format, Made, Topic, WantedReport},
    domain::{Direction, calendar::Interval},
};

/// What all statistics take.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SpanParams {
    /// Default: 7 days ago
    from_date: Option<String>,
    /// Default: now
    to_date: Option<String>,
    business_id: Option<String>,
}

impl SpanParams {
    fn asked(self) -> Result<Asked, Problem> {
        Ok(Asked {
            from: parsed("from_date", self.from_date.as_deref())?,
            to: parsed("to_date", self.to_date.as_deref())?,
            business: parsed("business_id", self.business_id.as_deref())?,
            direction: None,
        })
    }
}

/// The one of `all` that is named, in any case.
fn chosen<T: Copy>(
    field: &str,
    text: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, Problem> {
    let found = all.iter().copied().find(|one| name(*one).eq_ignore_ascii_case(text.trim()));
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        Problem::invalid(field, format!("must be one of {}", names.join(", ")))
    })
}

/// Dashboard overview
#[utoipa::path(
    get, path = "/analytics/overview", operation_id = "get_analytics_overview", tag = "Analytics",
    params(SpanParams),
    responses((status = 200, body = AnalyticsOverview), (status = 400, body = ErrorResponse))
)]
pub(super) async fn get_analytics_overview(
    cx: Cx<SeeStatistics>,
    Params(params): Params<SpanParams>,
) -> Result<Json<AnalyticsOverview>, Problem> {
    let overview = cx.app.overview(&cx.actor, params.asked()?).await?;
    Ok(Json(AnalyticsOverview::from(&overview)))
}

/// Dashboard overview under the name that 004 uses
#[utoipa::path(
    get, path = "/analytics/dashboard", operation_id = "get_analytics_dashboard",
    tag = "Analytics", params(SpanParams),
    responses((status = 200, body = AnalyticsOverview), (status = 400, body = ErrorResponse))
)]
pub(super) async fn get_analytics_dashboard(
    cx: Cx<SeeStatistics>,
    params: Params<SpanParams>,
) -> Result<Json<AnalyticsOverview>, Problem> {
    get_analytics_overview(cx, params).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VolumeParams {
    /// Required in 000; both or none
    from_date: Option<String>,
    /// Required in 000; both or none
    to_date: Option<String>,
    /// hour, day, week or month; day unless given
    interval: Option<String>,
    business_id: Option<String>,
    /// inbound or outbound
    direction: Option<String>,
}

/// Call volume over time
#[utoipa::path(
    get, path = "/analytics/call-volume", operation_id = "get_call_volume", tag = "Analytics",
    params(VolumeParams),
    responses((status = 200, body = CallVolume), (status = 400, body = ErrorResponse))
)]
pub(super) async fn get_call_volume(
    cx: Cx<SeeStatistics>,
    Params(params): Params<VolumeParams>,
) -> Result<Json<CallVolume>, Problem> {
    let VolumeParams { from_date, to_date, interval, business_id, direction } = params;
    let span = SpanParams { from_date, to_date, business_id };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let interval = match given(interval) {
        None => Interval::Day,
        Some(name) => chosen("interval", &name, &Interval::ALL, Interval::name)?,
    };
    let direction = given(direction)
        .map(|name| chosen("direction", &name, Direction::ALL, Direction::name))
        .transpose()?;
    let asked = Asked { direction, ..span.asked()? };
    let volume = cx.app.call_volume(&cx.actor, asked, interval).await?;
    Ok(Json(CallVolume::from(&volume)))
}

/// QA statistics
#[utoipa::path(
    get, path = "/analytics/qa", operation_id = "get_qa_analytics", tag = "Analytics",
    params(SpanParams),
    responses((status = 200, body = QaAnalytics), (status = 400, body = ErrorResponse))
)]
pub(super) async fn get_qa_analytics(
    cx: Cx<SeeStatistics>,
    Params(params): Params<SpanParams>,
) -> Result<Json<QaAnalytics>, Problem> {
    let quality = cx.app.quality(&cx.actor, params.asked()?).await?;
    Ok(Json(QaAnalytics::from(&quality)))
}

/// QA statistics under the name that 004 uses
#[utoipa::path(
    get, path = "/analytics/qa-stats", operation_id = "get_qa_stats", tag = "Analytics",
    params(SpanParams),
    responses((status = 200, body = QaAnalytics), (status = 400, body = ErrorResponse))
)]
pub(super) async fn get_qa_stats(
    cx: Cx<SeeStatistics>,
    params: Params<SpanParams>,
) -> Result<Json<QaAnalytics>, Problem> {
    get_qa_analytics(cx, params).await
}

/// Sentiment statistics
#[utoipa::path(
    get, path = "/analytics/sentiment", operation_id = "get_sentiment_analytics",
    tag = "Analytics", params(SpanParams),
    responses((status = 200, body = SentimentAnalytics), (status = 400, body = ErrorResponse))
)]
pub(super) async fn get_sentiment_analytics(
    cx: Cx<SeeStatistics>,
    Params(params): Params<SpanParams>,
) -> Result<Json<SentimentAnalytics>, Problem> {
    let feeling = cx.app.feeling(&cx.actor, params.asked()?).await?;
    Ok(Json(SentimentAnalytics::from(&feeling)))
}

/// Escalation statistics
#[utoipa::path(
    get, path = "/analytics/escalations", operation_id = "get_escalation_analytics",
    tag = "Analytics", params(SpanParams),
    responses((status = 200, body = EscalationAnalytics), (status = 400, body = ErrorResponse))
)]
pub(super) async fn get_escalation_analytics(
    cx: Cx<SeeStatistics>,
    Params(params): Params<SpanParams>,
) -> Result<Json<EscalationAnalytics>, Problem> {
    let escalations = cx.app.escalations(&cx.actor, params.asked()?).await?;
    Ok(Json(EscalationAnalytics::from(&escalations)))
}

/// 000 §3.6
#[derive(Deserialize, ToSchema)]
pub(super) struct AnalyticsExportRequest {
    /// csv or pdf
    format: String,
    /// overview, calls, qa, sentiment, escalations or full
    report_type: String,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    from_date: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    to_date: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    business_id: Option<String>,
    /// For PDF only
    #[serde(default)]
    #[schema(default = false)]
    include_charts: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// csv or pdf; csv unless given
    format: Option<String>,
    /// overview, calls, qa, sentiment, escalations or full; full unless given
    report_type: Option<String>,
    from_date: Option<String>,
    to_date: Option<String>,
    business_id: Option<String>,
    /// For PDF only
    include_charts: Option<bool>,
}

fn wanted(request: AnalyticsExportRequest) -> Result<WantedReport, Problem> {
    let AnalyticsExportRequest { from_date, to_date, business_id, .. } = request;
    Ok(WantedReport {
        format: chosen("format", &request.format, &Format::ALL, Format::name)?,
        topic: chosen("report_type", &request.report_type, &Topic::ALL, Topic::name)?,
        charts: request.include_charts,
        asked: SpanParams { from_date, to_date, business_id }.asked()?,
    })
}

/// A file as an answer: saved under its name, kept by no cache, taken for nothing else than it is.
fn file(made: Made) -> Response {
    let kind = match made.format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Pdf => "application/pdf",
    };
    let disposition = format!("attachment; filename=\"{}\"", made.name);
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, made.bytes).into_response()
}

/// Export analytics data as CSV or PDF
#[utoipa::path(
    post, path = "/analytics/export", operation_id = "export_analytics", tag = "Analytics",
    request_body = AnalyticsExportRequest,
    responses(
        (status = 200, description = "File generated; the file itself is the body for both formats",
            content((String = "text/csv"), (Vec<u8> = "application/pdf")),
            headers(("Content-Disposition" = String))),
        (status = 400, body = ErrorResponse),
    )
)]
pub(super) async fn export_analytics(
    cx: Cx<Write>,
    Body(request): Body<AnalyticsExportRequest>,
) -> Result<Response, Problem> {
    let made = cx.app.export_statistics(&cx.actor, wanted(request)?).await?;
    Ok(file(made))
}

/// Export analytics data, the GET form that 004 uses
#[utoipa::path(
    get, path = "/analytics/export", operation_id = "download_analytics_export",
    tag = "Analytics", params(ExportParams),
    responses(
        (status = 200, description = "File generated",
            content((String = "text/csv"), (Vec<u8> = "application/pdf")),
            headers(("Content-Disposition" = String))),
        (status = 400, body = ErrorResponse),
    )
)]
pub(super) async fn download_analytics_export(
    cx: Cx<Write>,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    let or = |text: Option<String>, usual: &str| {
        text.filter(|text| !text.is_empty()).unwrap_or_else(|| usual.to_owned())
    };
    let request = AnalyticsExportRequest {
        format: or(params.format, Format::Csv.name()),
        report_type: or(params.report_type, Topic::Full.name()),
        from_date: params.from_date,
        to_date: params.to_date,
        business_id: params.business_id,
        include_charts: params.include_charts.unwrap_or_default(),
    };
    let made = cx.app.export_statistics(&cx.actor, wanted(request)?).await?;
    Ok(file(made))
}
