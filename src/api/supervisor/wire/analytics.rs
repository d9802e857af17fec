//! Statistics.
//!
//! Rounding, half away from zero: scores and coefficients to four places, percentages and seconds to two.
//! Percentages are rounded each by itself, so that their sum may miss 100 by some hundredths. What has no
//! value (a mean of nothing) is 0. A period is named by its beginning, with the offset of the tenant's
//! time zone.

use chrono::SecondsFormat;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    calendar::Period,
    statistics::{
        BANDS, Count, Escalations, Feeling, Moods, Overview, Quality, Trend, Volume, percent,
    },
};

/// 000 §3.1
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AnalyticsOverview {
    #[schema(minimum = 0)]
    total_calls: i64,
    #[schema(minimum = 0)]
    active_calls: i64,
    #[schema(minimum = 0)]
    completed_calls: i64,
    #[schema(minimum = 0)]
    failed_calls: i64,
    #[schema(minimum = 0)]
    escalated_calls: i64,
    /// 0 to 1; 0 when nothing was scored
    average_qa_score: f64,
    /// seconds
    average_call_duration: f64,
    /// percentage
    #[schema(minimum = 0, maximum = 100)]
    escalation_rate: f64,
    sentiment_distribution: MoodCounts,
    qa_score_distribution: QaScoreDistribution,
}

/// Number of calls
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MoodCounts {
    #[schema(minimum = 0)]
    positive: i64,
    #[schema(minimum = 0)]
    neutral: i64,
    #[schema(minimum = 0)]
    negative: i64,
}

/// Number of scored calls
#[derive(Clone, Debug, Serialize, ToSchema)]
struct QaScoreDistribution {
    /// >= 0.8
    #[schema(minimum = 0)]
    excellent: i64,
    /// 0.6-0.79
    #[schema(minimum = 0)]
    good: i64,
    /// 0.4-0.59
    #[schema(minimum = 0)]
    fair: i64,
    /// < 0.4
    #[schema(minimum = 0)]
    poor: i64,
}

impl From<Moods> for MoodCounts {
    fn from(moods: Moods) -> Self {
        let Moods { positive, neutral, negative } = moods;
        MoodCounts { positive, neutral, negative }
    }
}

impl From<&Overview> for AnalyticsOverview {
    fn from(overview: &Overview) -> Self {
        AnalyticsOverview {
            total_calls: overview.total,
            active_calls: overview.active,
            completed_calls: overview.completed,
            failed_calls: overview.failed,
            escalated_calls: overview.escalated,
            average_qa_score: fine(overview.qa_score),
            average_call_duration: coarse(overview.duration),
            escalation_rate: coarse(Some(overview.escalation_rate())),
            sentiment_distribution: overview.moods.into(),
            qa_score_distribution: QaScoreDistribution {
                excellent: overview.excellent,
                good: overview.good,
                fair: overview.fair,
                poor: overview.poor,
            },
        }
    }
}

/// 000 §3.2
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallVolume {
    data: Vec<CallVolumePeriod>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct CallVolumePeriod {
    /// ISO 8601 start of the period
    period: String,
    #[schema(minimum = 0)]
    total_calls: i64,
    #[schema(minimum = 0)]
    inbound_calls: i64,
    #[schema(minimum = 0)]
    outbound_calls: i64,
    #[schema(minimum = 0)]
    completed_calls: i64,
    #[schema(minimum = 0)]
    escalated_calls: i64,
}

impl From<&Trend<Volume>> for CallVolume {
    fn from(trend: &Trend<Volume>) -> Self {
        let data = trend.iter().map(|(period, volume)| CallVolumePeriod {
            period: name(period),
            total_calls: volume.total,
            inbound_calls: volume.inbound,
            outbound_calls: volume.outbound,
            completed_calls: volume.completed,
            escalated_calls: volume.escalated,
        });
        CallVolume { data: data.collect() }
    }
}

/// 000 §3.3
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QaAnalytics {
    average_scores: AverageScores,
    score_distribution: Vec<ScoreRange>,
    trends: Vec<ScoreTrend>,
    top_issues: Vec<IssueCount>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct AverageScores {
    overall: f64,
    sentiment: f64,
    compliance: f64,
    accuracy: f64,
    professionalism: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ScoreRange {
    /// e.g. "0.8-1.0": from the first, below the second; 1.0 is in the last
    range: String,
    #[schema(minimum = 0)]
    count: i64,
    #[schema(minimum = 0, maximum = 100)]
    percentage: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ScoreTrend {
    period: String,
    average_score: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct IssueCount {
    issue: String,
    /// Scored calls with it
    #[schema(minimum = 0)]
    count: i64,
    #[schema(minimum = 0, maximum = 100)]
    percentage: f64,
}

impl From<&Quality> for QaAnalytics {
    fn from(quality: &Quality) -> Self {
        let means = quality.all.means().unwrap_or_default();
        let of_scored = |count| coarse(Some(percent(count, quality.all.scored)));
        let ranges = BANDS.iter().zip(quality.all.bands);
        QaAnalytics {
            average_scores: AverageScores {
                overall: fine(Some(means.overall)),
                sentiment: fine(Some(means.sentiment)),
                compliance: fine(Some(means.compliance)),
                accuracy: fine(Some(means.accuracy)),
                professionalism: fine(Some(means.professionalism)),
            },
            score_distribution: ranges
                .map(|(range, count)| ScoreRange {
                    range: (*range).to_owned(),
                    count,
                    percentage: of_scored(count),
                })
                .collect(),
            trends: quality
                .trend
                .iter()
                .map(|(period, tally)| ScoreTrend {
                    period: name(period),
                    average_score: fine(tally.means().map(|means| means.overall)),
                })
                .collect(),
            top_issues: quality
                .issues
                .iter()
                .map(|Count { what, count }| IssueCount {
                    issue: what.clone(),
                    count: *count,
                    percentage: of_scored(*count),
                })
                .collect(),
        }
    }
}

/// 000 §3.4
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SentimentAnalytics {
    distribution: MoodCounts,
    #[schema(minimum = -1, maximum = 1)]
    average_sentiment_score: f64,
    trends: Vec<SentimentTrend>,
    correlation: SentimentCorrelation,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct SentimentTrend {
    period: String,
    #[schema(minimum = 0)]
    positive: i64,
    #[schema(minimum = 0)]
    neutral: i64,
    #[schema(minimum = 0)]
    negative: i64,
    #[schema(minimum = -1, maximum = 1)]
    average_score: f64,
}

/// Pearson's coefficients
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SentimentCorrelation {
    /// Correlation coefficient; 0 when it is not defined
    #[schema(minimum = -1, maximum = 1)]
    sentiment_vs_qa: f64,
    #[schema(minimum = -1, maximum = 1)]
    sentiment_vs_escalation: f64,
}

impl From<&Feeling> for SentimentAnalytics {
    fn from(feeling: &Feeling) -> Self {
        SentimentAnalytics {
            distribution: feeling.all.moods.into(),
            average_sentiment_score: fine(feeling.all.mean()),
            trends: feeling
                .trend
                .iter()
                .map(|(period, tally)| SentimentTrend {
                    period: name(period),
                    positive: tally.moods.positive,
                    neutral: tally.moods.neutral,
                    negative: tally.moods.negative,
                    average_score: fine(tally.mean()),
                })
                .collect(),
            correlation: SentimentCorrelation {
                sentiment_vs_qa: fine(feeling.with_qa),
                sentiment_vs_escalation: fine(feeling.with_escalation),
            },
        }
    }
}

/// 000 §3.5
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EscalationAnalytics {
    /// Cancelled ones too
    #[schema(minimum = 0)]
    total_escalations: i64,
    /// Calls with an escalation that is not cancelled, of all: percentage
    #[schema(minimum = 0, maximum = 100)]
    escalation_rate: f64,
    by_trigger_type: Vec<TriggerCount>,
    by_status: StatusCounts,
    /// seconds
    average_resolution_time: f64,
    trends: Vec<EscalationTrend>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct TriggerCount {
    trigger_type: String,
    #[schema(minimum = 0)]
    count: i64,
    #[schema(minimum = 0, maximum = 100)]
    percentage: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct StatusCounts {
    #[schema(minimum = 0)]
    pending: i64,
    #[schema(minimum = 0)]
    in_progress: i64,
    #[schema(minimum = 0)]
    completed: i64,
    #[schema(minimum = 0)]
    cancelled: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct EscalationTrend {
    period: String,
    #[schema(minimum = 0)]
    escalation_count: i64,
    #[schema(minimum = 0, maximum = 100)]
    escalation_rate: f64,
}

impl From<&Escalations> for EscalationAnalytics {
    fn from(escalations: &Escalations) -> Self {
        let all = &escalations.all;
        EscalationAnalytics {
            total_escalations: all.total(),
            escalation_rate: coarse(Some(all.rate())),
            by_trigger_type: escalations
                .triggers
                .iter()
                .map(|Count { what, count }| TriggerCount {
                    trigger_type: what.clone(),
                    count: *count,
                    percentage: coarse(Some(percent(*count, all.total()))),
                })
                .collect(),
            by_status: StatusCounts {
                pending: all.pending,
                in_progress: all.in_progress,
                completed: all.completed,
                cancelled: all.cancelled,
            },
            average_resolution_time: coarse(all.resolution_time()),
            trends: escalations
                .trend
                .iter()
                .map(|(period, tally)| EscalationTrend {
                    period: name(period),
                    escalation_count: tally.total(),
                    escalation_rate: coarse(Some(tally.rate())),
                })
                .collect(),
        }
    }
}

fn name(period: &Period) -> String {
    period.begins.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// To four places.
fn fine(value: Option<f64>) -> f64 {
    rounded(value, 10_000.0)
}

/// To two places.
fn coarse(value: Option<f64>) -> f64 {
    rounded(value, 100.0)
}

fn rounded(value: Option<f64>, steps: f64) -> f64 {
    // Plus zero, because minus zero is a number of its own in JSON.
    (value.unwrap_or(0.0) * steps).round() / steps + 0.0
}
