//! The statistics once more, in plain Rust over the calls themselves, sharing no code with the server:
//! periods are found by asking every quarter of an hour which hour, day, week or month it belongs to.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use tandem::domain::BusinessId;

use super::past::Past;

const QUARTER: i64 = 900;

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub zone: Tz,
    pub business: Option<BusinessId>,
    pub direction: Option<&'static str>,
}

impl Question {
    pub fn calls<'a>(&self, calls: &'a [Past]) -> Vec<&'a Past> {
        calls
            .iter()
            .filter(|call| self.since <= call.started_at && call.started_at < self.until)
            .filter(|call| self.business.is_none_or(|business| call.business == Some(business)))
            .filter(|call| self.direction.is_none_or(|direction| call.direction == direction))
            .collect()
    }

    /// What tells one period from the next.
    fn key(&self, at: DateTime<Utc>, interval: &str) -> String {
        let local = at.with_timezone(&self.zone);
        match interval {
            "hour" => format!("{} {} {}", local.date_naive(), local.hour(), local.offset()),
            "day" => local.date_naive().to_string(),
            "week" => format!("{:?}", local.iso_week()),
            "month" => format!("{} {}", local.year(), local.month()),
            other => panic!("no interval {other}"),
        }
    }

    /// The periods' names, and the calls of each.
    fn periods<'a>(&self, calls: &[&'a Past], interval: &str) -> Vec<(String, Vec<&'a Past>)> {
        let cell = |at: DateTime<Utc>| at.timestamp().div_euclid(QUARTER) * QUARTER;
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a time");
        let (mut begin, end) = (cell(self.since), cell(self.until - TimeDelta::microseconds(1)));
        let first = self.key(at(begin), interval);
        while self.key(at(begin - QUARTER), interval) == first {
            begin -= QUARTER;
        }
        let mut found: Vec<(String, String, Vec<&Past>)> = Vec::new();
        for seconds in (begin..=end).step_by(QUARTER as usize) {
            let key = self.key(at(seconds), interval);
            if found.last().is_none_or(|last| last.0 != key) {
                let local = at(seconds).with_timezone(&self.zone);
                found.push((key, local.to_rfc3339_opts(SecondsFormat::Secs, true), Vec::new()));
            }
        }
        for call in calls {
            let key = self.key(call.started_at, interval);
            found.iter_mut().find(|period| period.0 == key).expect("its period").2.push(call);
        }
        found.into_iter().map(|(_, name, calls)| (name, calls)).collect()
    }

    fn trend(&self) -> &'static str {
        match (self.until - self.since).num_days() {
            ..93 => "day",
            93..732 => "week",
            _ => "month",
        }
    }

    pub fn overview(&self, calls: &[Past]) -> Value {
        let calls = self.calls(calls);
        let count = |fits: &dyn Fn(&Past) -> bool| calls.iter().filter(|call| fits(call)).count();
        let scores: Vec<f64> =
            calls.iter().filter_map(|call| call.latest()).map(|score| score.parts[0]).collect();
        let band = |from: f64, below: f64| {
            scores.iter().filter(|score| from <= **score && **score < below).count()
        };
        let over = ["completed", "busy", "no_answer", "failed", "canceled"];
        let seconds = calls.iter().filter_map(|call| call.seconds).map(|seconds| seconds as f64);
        json!({
            "total_calls": calls.len(),
            "active_calls": count(&|call| !over.contains(&call.state)),
            "completed_calls": count(&|call| call.state == "completed"),
            "failed_calls": count(&|call| over[1..].contains(&call.state)),
            "escalated_calls": count(&Past::is_escalated),
            "average_qa_score": mean(scores.iter().copied()),
            "average_call_duration": mean(seconds),
            "escalation_rate": percent(count(&Past::is_escalated), calls.len()),
            "sentiment_distribution": moods(&calls),
            "qa_score_distribution": {
                "excellent": band(0.8, 2.0), "good": band(0.6, 0.8), "fair": band(0.4, 0.6),
                "poor": band(0.0, 0.4),
            },
        })
    }

    pub fn volume(&self, calls: &[Past], interval: &str) -> Value {
        let periods = self.periods(&self.calls(calls), interval);
        let data: Vec<Value> = periods
            .iter()
            .map(|(name, calls)| {
                let count = |fits: &dyn Fn(&Past) -> bool| calls.iter().filter(|c| fits(c)).count();
                json!({
                    "period": name,
                    "total_calls": calls.len(),
                    "inbound_calls": count(&|call| call.direction == "inbound"),
                    "outbound_calls": count(&|call| call.direction == "outbound"),
                    "completed_calls": count(&|call| call.state == "completed"),
                    "escalated_calls": count(&Past::is_escalated),
                })
            })
            .collect();
        json!({ "data": data })
    }

    pub fn quality(&self, calls: &[Past]) -> Value {
        let calls = self.calls(calls);
        let scores: Vec<_> = calls.iter().filter_map(|call| call.latest()).collect();
        let part = |place: usize| mean(scores.iter().map(|score| score.parts[place]));
        let mut issues: BTreeMap<&str, usize> = BTreeMap::new();
        for score in &scores {
            let named: HashSet<&str> = score
                .compliance_issues
                .iter()
                .chain(&score.flagged_issues)
                .map(String::as_str)
                .collect();
            named.into_iter().for_each(|issue| *issues.entry(issue).or_default() += 1);
        }
        let mut issues: Vec<_> = issues.into_iter().collect();
        issues.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let of_scored = |count| percent(count, scores.len());
        let bands = [(0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.1)];
        let distribution: Vec<Value> = bands
            .iter()
            .map(|(from, below)| {
                let within = |score: f64| *from <= score && score < *below;
                let count = scores.iter().filter(|score| within(score.parts[0])).count();
                let range = format!("{from:.1}-{:.1}", f64::min(*below, 1.0));
                json!({"range": range, "count": count, "percentage": of_scored(count)})
            })
            .collect();
        let trends: Vec<Value> = self
            .periods(&calls, self.trend())
            .iter()
            .map(|(name, calls)| {
                let scores = calls.iter().filter_map(|call| call.latest());
                json!({"period": name, "average_score": mean(scores.map(|score| score.parts[0]))})
            })
            .collect();
        let top: Vec<Value> = issues
            .iter()
            .take(10)
            .map(|(issue, count)| {
                json!({"issue": issue, "count": count, "percentage": of_scored(*count)})
            })
            .collect();
        json!({
            "average_scores": {
                "overall": part(0), "sentiment": part(1), "compliance": part(2),
                "accuracy": part(3), "professionalism": part(4),
            },
            "score_distribution": distribution,
            "trends": trends,
            "top_issues": top,
        })
    }

    pub fn sentiment(&self, calls: &[Past]) -> Value {
        let calls = self.calls(calls);
        let average = |calls: &[&Past]| mean(calls.iter().filter_map(|call| call.feeling));
        let trends: Vec<Value> = self
            .periods(&calls, self.trend())
            .iter()
            .map(|(name, calls)| {
                let mut entry = moods(calls);
                entry["period"] = json!(name);
                entry["average_score"] = json!(average(calls));
                entry
            })
            .collect();
        let with_qa: Vec<(f64, f64)> = calls
            .iter()
            .filter_map(|call| Some((call.feeling?, call.latest()?.parts[0])))
            .collect();
        let with_escalation: Vec<(f64, f64)> = calls
            .iter()
            .filter_map(|call| Some((call.feeling?, f64::from(u8::from(call.is_escalated())))))
            .collect();
        json!({
            "distribution": moods(&calls),
            "average_sentiment_score": average(&calls),
            "trends": trends,
            "correlation": {
                "sentiment_vs_qa": pearson(&with_qa),
                "sentiment_vs_escalation": pearson(&with_escalation),
            },
        })
    }

    pub fn escalations(&self, calls: &[Past]) -> Value {
        let calls = self.calls(calls);
        let all: Vec<_> = calls.iter().flat_map(|call| &call.escalations).collect();
        let status = |name: &str| all.iter().filter(|one| one.status == name).count();
        let mut triggers: BTreeMap<&str, usize> = BTreeMap::new();
        all.iter().for_each(|one| *triggers.entry(one.trigger.as_str()).or_default() += 1);
        let mut triggers: Vec<_> = triggers.into_iter().collect();
        triggers.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let by_trigger: Vec<Value> = triggers
            .iter()
            .map(|(name, count)| {
                let share = percent(*count, all.len());
                json!({"trigger_type": name, "count": count, "percentage": share})
            })
            .collect();
        let seconds = all.iter().filter(|one| one.status == "completed").filter_map(|one| {
            let long = one.completed_at? - one.requested_at;
            Some(long.num_microseconds().expect("short") as f64 / 1e6)
        });
        let rate = |calls: &[&Past]| {
            percent(calls.iter().filter(|call| call.is_escalated()).count(), calls.len())
        };
        let trends: Vec<Value> = self
            .periods(&calls, self.trend())
            .iter()
            .map(|(name, calls)| {
                let count: usize = calls.iter().map(|call| call.escalations.len()).sum();
                let rate = rate(calls);
                json!({"period": name, "escalation_count": count, "escalation_rate": rate})
            })
            .collect();
        json!({
            "total_escalations": all.len(),
            "escalation_rate": rate(&calls),
            "by_trigger_type": by_trigger,
            "by_status": {
                "pending": status("pending"), "in_progress": status("in_progress"),
                "completed": status("completed"), "cancelled": status("cancelled"),
            },
            "average_resolution_time": mean(seconds),
            "trends": trends,
        })
    }
}

fn moods(calls: &[&Past]) -> Value {
    let count = |mood| calls.iter().filter(|call| call.mood() == Some(mood)).count();
    json!({
        "positive": count("positive"), "neutral": count("neutral"), "negative": count("negative"),
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

/// Pearson's coefficient by its definition, from the deviations.
fn pearson(pairs: &[(f64, f64)]) -> f64 {
    let (mean_x, mean_y) = (mean(pairs.iter().map(|p| p.0)), mean(pairs.iter().map(|p| p.1)));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum()
    };
    let below = (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    if below < 1e-12 { 0.0 } else { sum(&|x, y| x * y) / below }
}

/// Where the answer differs from what is expected: numbers by more than they were rounded.
pub fn differences(place: &str, answer: &Value, expected: &Value, found: &mut Vec<String>) {
    match (answer, expected) {
        (Value::Object(answer), Value::Object(expected)) => {
            for key in answer.keys().chain(expected.keys()).collect::<HashSet<_>>() {
                let (a, e) = (answer.get(key), expected.get(key));
                let place = format!("{place}.{key}");
                let none = Value::Null;
                differences(&place, a.unwrap_or(&none), e.unwrap_or(&none), found);
            }
        }
        (Value::Array(answer), Value::Array(expected)) if answer.len() == expected.len() => {
            for (at, (a, e)) in answer.iter().zip(expected).enumerate() {
                differences(&format!("{place}[{at}]"), a, e, found);
            }
        }
        (Value::Number(a), Value::Number(e)) if a.is_f64() || e.is_f64() => {
            let coarse = ["percentage", "rate", "time", "duration"];
            let coarse = coarse.iter().any(|end| place.ends_with(end));
            // Half of the last place that is shown, and what binary fractions leave.
            let allowed = if coarse { 0.005_2 } else { 0.000_051 };
            let (a, e) = (a.as_f64().expect("a number"), e.as_f64().expect("a number"));
            if (a - e).abs() > allowed {
                found.push(format!("{place}: {a}, not {e}"));
            }
        }
        (a, e) if a == e => {}
        (a, e) => found.push(format!("{place}: {a}, not {e}")),
    }
}
