//! What is counted of calls, and what follows from the counts.
//!
//! All statistics are of the calls that started in a [`Span`]: what hangs on a call (its latest QA score,
//! its escalations) counts when the call began, so that the figures of one span agree with one another
//! and with the list of its calls. Nothing is rounded here.

use super::{
    calendar::{Period, Span},
    call::Direction,
    ids::BusinessId,
};

/// Which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub span: Span,
    pub business: Option<BusinessId>,
    pub direction: Option<Direction>,
}

/// Something, and what was counted of it in a period.
pub type Trend<T> = Vec<(Period, T)>;

/// Calls by how the caller felt; those of whom it is not known are in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moods {
    pub positive: i64,
    pub neutral: i64,
    pub negative: i64,
}

/// The calls of a span at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overview {
    pub total: i64,
    /// Not ended.
    pub active: i64,
    pub completed: i64,
    /// Busy, not answered, failed, canceled.
    pub failed: i64,
    /// With an escalation that is not cancelled.
    pub escalated: i64,
    /// Mean of the calls that were scored, 0 to 1.
    pub qa_score: Option<f64>,
    /// Mean of the calls that have ended, seconds.
    pub duration: Option<f64>,
    pub moods: Moods,
    /// Scored calls from 0.8, from 0.6, from 0.4, and below.
    pub excellent: i64,
    pub good: i64,
    pub fair: i64,
    pub poor: i64,
}

impl Overview {
    /// Escalated calls of all, percent.
    pub fn escalation_rate(&self) -> f64 {
        percent(self.escalated, self.total)
    }
}

/// Calls of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    pub total: i64,
    pub inbound: i64,
    pub outbound: i64,
    pub completed: i64,
    pub escalated: i64,
}

/// The five parts of a QA score, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    pub overall: f64,
    pub sentiment: f64,
    pub compliance: f64,
    pub accuracy: f64,
    pub professionalism: f64,
}

/// QA scores of some calls, the latest of each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QaTally {
    /// Calls that were scored.
    pub scored: i64,
    pub sums: Scores,
    /// Calls by their overall score: from 0, 0.2, 0.4, 0.6 and 0.8, which includes 1.
    pub bands: [i64; 5],
}

/// The bands of [`QaTally::bands`].
pub const BANDS: [&str; 5] = ["0.0-0.2", "0.2-0.4", "0.4-0.6", "0.6-0.8", "0.8-1.0"];

impl QaTally {
    fn add(&mut self, other: &QaTally) {
        self.scored += other.scored;
        self.sums.overall += other.sums.overall;
        self.sums.sentiment += other.sums.sentiment;
        self.sums.compliance += other.sums.compliance;
        self.sums.accuracy += other.sums.accuracy;
        self.sums.professionalism += other.sums.professionalism;
        for (mine, others) in self.bands.iter_mut().zip(other.bands) {
            *mine += others;
        }
    }

    /// The mean of each part; none of no scores.
    pub fn means(&self) -> Option<Scores> {
        let mean = |sum| mean(sum, self.scored);
        Some(Scores {
            overall: mean(self.sums.overall)?,
            sentiment: mean(self.sums.sentiment)?,
            compliance: mean(self.sums.compliance)?,
            accuracy: mean(self.sums.accuracy)?,
            professionalism: mean(self.sums.professionalism)?,
        })
    }
}

/// How often something occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub what: String,
    pub count: i64,
}

/// How well calls went.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    pub all: QaTally,
    pub trend: Trend<QaTally>,
    /// The most frequent issues, by the calls whose latest score names them; a call counts once for an
    /// issue.
    pub issues: Vec<Count>,
}

impl Quality {
    /// Of these periods, which are the whole span.
    pub fn of(trend: Trend<QaTally>, issues: Vec<Count>) -> Self {
        let mut all = QaTally::default();
        trend.iter().for_each(|(_, tally)| all.add(tally));
        Quality { all, trend, issues }
    }
}

/// How callers of some calls felt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MoodTally {
    pub moods: Moods,
    /// Calls with a score, -1 to 1, and the sum of these.
    pub scored: i64,
    pub sum: f64,
}

impl MoodTally {
    /// The mean score.
    pub fn mean(&self) -> Option<f64> {
        mean(self.sum, self.scored)
    }
}

/// Sums over pairs of values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pairs {
    pub count: i64,
    pub x: f64,
    pub y: f64,
    pub xx: f64,
    pub yy: f64,
    pub xy: f64,
}

impl Pairs {
    /// Pearson's coefficient, -1 to 1; none where one side does not vary.
    pub fn correlation(&self) -> Option<f64> {
        let n = self.count as f64;
        let of_x = n * self.xx - self.x * self.x;
        let of_y = n * self.yy - self.y * self.y;
        // What does not vary leaves the sums' rounding errors behind, which are no variance.
        let varies = |variance: f64, squares: f64| variance > 1e-9 * n * squares.max(1e-300);
        if self.count < 2 || !varies(of_x, self.xx) || !varies(of_y, self.yy) {
            return None;
        }
        let together = n * self.xy - self.x * self.y;
        Some((together / (of_x.sqrt() * of_y.sqrt())).clamp(-1.0, 1.0))
    }
}

/// How callers felt.
#[derive(Clone, Debug, PartialEq)]
pub struct Feeling {
    pub all: MoodTally,
    pub trend: Trend<MoodTally>,
    /// A call's sentiment against its QA score, of the calls that have both.
    pub with_qa: Option<f64>,
    /// A call's sentiment against its being escalated (1) or not (0).
    pub with_escalation: Option<f64>,
}

impl Feeling {
    /// Of these periods, which are the whole span.
    pub fn of(trend: Trend<MoodTally>, with_qa: Pairs, with_escalation: Pairs) -> Self {
        let mut all = MoodTally::default();
        for (_, tally) in &trend {
            all.moods.positive += tally.moods.positive;
            all.moods.neutral += tally.moods.neutral;
            all.moods.negative += tally.moods.negative;
            all.scored += tally.scored;
            all.sum += tally.sum;
        }
        let (with_qa, with_escalation) = (with_qa.correlation(), with_escalation.correlation());
        Feeling { all, trend, with_qa, with_escalation }
    }
}

/// Escalations of some calls, and those calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EscalationTally {
    pub calls: i64,
    /// Calls with an escalation that is not cancelled.
    pub escalated: i64,
    pub pending: i64,
    pub in_progress: i64,
    pub completed: i64,
    pub cancelled: i64,
    /// Completed ones whose end is known, and the seconds from their request to it, summed up.
    pub resolved: i64,
    pub seconds: f64,
}

impl EscalationTally {
    /// All escalations, cancelled ones too.
    pub fn total(&self) -> i64 {
        self.pending + self.in_progress + self.completed + self.cancelled
    }

    /// Escalated calls of all, percent.
    pub fn rate(&self) -> f64 {
        percent(self.escalated, self.calls)
    }

    /// Seconds from the request to the completion.
    pub fn resolution_time(&self) -> Option<f64> {
        mean(self.seconds, self.resolved)
    }
}

/// How calls were handed to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalations {
    pub all: EscalationTally,
    pub trend: Trend<EscalationTally>,
    /// The most frequent reasons.
    pub triggers: Vec<Count>,
}

impl Escalations {
    /// Of these periods, which are the whole span.
    pub fn of(trend: Trend<EscalationTally>, triggers: Vec<Count>) -> Self {
        let mut all = EscalationTally::default();
        for (_, tally) in &trend {
            all.calls += tally.calls;
            all.escalated += tally.escalated;
            all.pending += tally.pending;
            all.in_progress += tally.in_progress;
            all.completed += tally.completed;
            all.cancelled += tally.cancelled;
            all.resolved += tally.resolved;
            all.seconds += tally.seconds;
        }
        Escalations { all, trend, triggers }
    }
}

/// `part` of `whole`, 0 to 100; of nothing, 0.
pub fn percent(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn mean(sum: f64, count: i64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(values: &[(f64, f64)]) -> Pairs {
        values.iter().fold(Pairs::default(), |sums, (x, y)| Pairs {
            count: sums.count + 1,
            x: sums.x + x,
            y: sums.y + y,
            xx: sums.xx + x * x,
            yy: sums.yy + y * y,
            xy: sums.xy + x * y,
        })
    }

    #[test]
    fn correlation_is_pearsons_and_undefined_without_variance() {
        let up: Vec<(f64, f64)> = (0..50).map(|n| f64::from(n) / 50.0).map(|x| (x, x)).collect();
        assert!((pairs(&up).correlation().expect("both vary") - 1.0).abs() < 1e-12);
        let down: Vec<_> = up.iter().map(|(x, y)| (*x, -y)).collect();
        assert!((pairs(&down).correlation().expect("both vary") + 1.0).abs() < 1e-12);
        let some = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)];
        assert!((pairs(&some).correlation().expect("both vary") - 0.5).abs() < 1e-12);
        for flat in
            [vec![], vec![(0.3, 0.7)], vec![(0.1, 0.7); 1_000], vec![(0.1, 0.0), (0.1, 1.0)]]
        {
            assert_eq!(pairs(&flat).correlation(), None);
        }
    }
}
