//! `/api/v1/analytics`: held against an oracle, and by hand.

mod export;
mod oracle;
#[allow(dead_code)]
pub mod past;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use tandem::{
    domain::{
        BusinessId, Direction, EscalationStatus, Progress, QaScore, Role,
        calendar::{Interval, Span},
        statistics::Scope,
    },
    store::{escalations, records, statistics},
};

use self::{
    oracle::{Question, differences},
    past::{Draw, Escalation, Past, Score, drawn},
};
use crate::{scene, stage::Client, told};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

#[track_caller]
fn same(what: &str, answer: &Value, expected: &Value) {
    let mut found = Vec::new();
    differences("", answer, expected, &mut found);
    assert!(found.is_empty(), "{what}\n{}", found.join("\n"));
}

/// Asks everything about `question` and holds it against the oracle.
async fn held(client: &Client, what: &str, question: Question, calls: &[Past]) {
    let shown = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let last = question.until - TimeDelta::microseconds(1);
    let mut query = format!("from_date={}&to_date={}", shown(question.since), shown(last));
    if let Some(business) = question.business {
        query += &format!("&business_id={business}");
    }
    if question.direction.is_none() {
        for (path, expected) in [
            ("overview", question.overview(calls)),
            ("qa", question.quality(calls)),
            ("sentiment", question.sentiment(calls)),
            ("escalations", question.escalations(calls)),
        ] {
            let answer = client.get(&format!("/api/v1/analytics/{path}?{query}")).await;
            same(&format!("{what}: {path}?{query}"), answer.ok(200), &expected);
        }
    }
    if let Some(direction) = question.direction {
        query += &format!("&direction={direction}");
    }
    let intervals = match (question.until - question.since).num_days() {
        ..60 => &["hour", "day", "week", "month"][..],
        _ => &["day", "week", "month"],
    };
    for interval in intervals {
        let path = format!("/api/v1/analytics/call-volume?{query}&interval={interval}");
        let answer = client.get(&path).await;
        same(&format!("{what}: {path}"), answer.ok(200), &question.volume(calls, interval));
    }
}

/// Zones, and moments around which calls are drawn: changes of clocks, where there are some.
const PLACES: [(&str, &[&str]); 5] = [
    ("America/New_York", &["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"]),
    ("Australia/Lord_Howe", &["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"]),
    ("Asia/Kathmandu", &["2026-01-01T00:00:00Z"]),
    ("America/Havana", &["2026-03-08T05:00:00Z", "2026-11-01T05:00:00Z"]),
    ("UTC", &["2024-02-29T23:59:59.999999Z"]),
];

/// A moment within some days of `middle`, often very near it or on the hour.
fn moment(draw: &mut Draw, middle: DateTime<Utc>, days: i64) -> DateTime<Utc> {
    let span = match draw.below(3) {
        0 => TimeDelta::hours(4),
        _ => TimeDelta::days(days),
    };
    let at = middle - span
        + TimeDelta::microseconds(
            draw.below(2 * span.num_microseconds().expect("short") as u64) as i64
        );
    match draw.below(4) {
        0 => DateTime::from_timestamp(at.timestamp() / 900 * 900, 0).expect("a time"),
        _ => at,
    }
}

told! {
    async fn statistics_are_what_plain_counting_finds(stage: &Stage) {
        for (seed, (zone, middles)) in (1_u64..).zip(PLACES) {
            let tenant = stage.app.add_tenant(&format!("In {zone}"), zone).await.expect("a tenant");
            let client = stage.client_of(tenant, Role::Viewer).await;
            let zone: Tz = zone.parse().expect("a zone");
            let businesses = [BusinessId::new(), BusinessId::new()];
            let mut draw = Draw(seed);
            let mut calls = Vec::new();
            for middle in middles {
                for _ in 0..150 {
                    let at = moment(&mut draw, utc(middle), 20);
                    calls.push(drawn(&mut draw, at, &businesses));
                }
            }
            past::write(&stage.app.db, tenant, &calls).await;
            for (round, middle) in middles.iter().cycle().take(4).enumerate() {
                let (one, other) =
                    (moment(&mut draw, utc(middle), 12), moment(&mut draw, utc(middle), 12));
                let question = Question {
                    since: one.min(other),
                    until: one.max(other) + TimeDelta::microseconds(1),
                    zone,
                    business: draw.one_in(3).then(|| draw.of(&businesses)),
                    direction: draw.one_in(3).then(|| draw.of(&["inbound", "outbound"])),
                };
                held(&client, &format!("seed {seed}, round {round}"), question, &calls).await;
            }
            // All of them, over weeks and over months.
            for (before, after) in [(30, 300), (700, 400)] {
                let question = Question {
                    since: utc(middles[0]) - TimeDelta::days(before),
                    until: utc(middles[0]) + TimeDelta::days(after),
                    zone,
                    business: None,
                    direction: None,
                };
                held(&client, &format!("seed {seed}, {before} days"), question, &calls).await;
            }
        }
    }

    async fn nothing_is_zeros_in_every_period(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        let question = Question {
            since: utc("2026-10-01T00:00:00Z"),
            until: utc("2026-10-04T00:00:00Z"),
            zone: Tz::UTC,
            business: None,
            direction: None,
        };
        held(&viewer, "nothing", question, &[]).await;
        let volume = "/api/v1/analytics/call-volume?from_date=2026-10-01&to_date=2026-10-03";
        let answer = viewer.get(volume).await;
        let periods: Vec<_> = answer.ok(200)["data"].as_array().expect("a list").iter()
            .map(|one| one["period"].as_str().expect("text").to_owned()).collect();
        assert_eq!(periods, ["2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "2026-10-03T00:00:00Z"]);
        // A business that is not there has no calls; what names none cannot be meant.
        let unknown = format!("/api/v1/analytics/overview?business_id={}", BusinessId::new());
        assert_eq!(viewer.get(&unknown).await.ok(200)["total_calls"], 0);
        let nonsense = viewer.get("/api/v1/analytics/overview?business_id=the-other-one").await;
        assert_eq!(nonsense.refused(400), "VALIDATION_ERROR");
        assert_eq!(nonsense.json["error"]["details"]["fields"]["business_id"], "must be an identifier");
    }

    async fn bounds_are_the_last_week_unless_given_and_dates_are_whole_days(stage: &Stage) {
        let tenant = stage.app.add_tenant("Kathmandu", "Asia/Kathmandu").await.expect("a tenant");
        let viewer = stage.client_of(tenant, Role::Viewer).await;
        let now = stage.app.clock.now();
        // The 25th of October begins at 18:15 UTC of the 24th there.
        let calls: Vec<Past> = [
            utc("2026-10-24T18:14:59.999999Z"), utc("2026-10-24T18:15:00Z"),
            utc("2026-10-25T18:14:59.999999Z"), utc("2026-10-25T18:15:00Z"),
        ].map(Past::at).into();
        past::write(&stage.app.db, tenant, &calls).await;
        let total = async |query: &str| {
            let answer = viewer.get(&format!("/api/v1/analytics/overview?{query}")).await;
            answer.ok(200)["total_calls"].as_i64().expect("a number")
        };
        assert_eq!(total("from_date=2026-10-25&to_date=2026-10-25").await, 2);
        assert_eq!(total("from_date=2026-10-24&to_date=2026-10-26").await, 4);
        assert_eq!(total("from_date=2026-10-25T00:00:00&to_date=2026-10-25T12:00:00").await, 1);
        assert_eq!(total("from_date=2026-10-25T00:00:00%2B05:45&to_date=2026-10-25").await, 2);
        assert_eq!(total("from_date=2026-10-25T00:00:00+05:45&to_date=2026-10-25").await, 2,
            "a plus that was not escaped");
        assert_eq!(total("from_date=0001-01-01&to_date=9999-12-31").await, 4);

        let old = Past::at(now - TimeDelta::days(7) - TimeDelta::hours(1));
        let young = Past::at(now - TimeDelta::days(7) + TimeDelta::hours(1));
        past::write(&stage.app.db, tenant, &[old, young, Past::at(now)]).await;
        assert_eq!(total("").await, 2, "of the last seven days");
        assert_eq!(total("from_date=&to_date=&business_id=").await, 2, "empty is not given");
        let from = (now - TimeDelta::days(8)).format("%Y-%m-%dT%H:%M:%SZ");
        assert_eq!(total(&format!("from_date={from}")).await, 3);
        let to = (now - TimeDelta::days(1)).format("%Y-%m-%dT%H:%M:%SZ");
        assert_eq!(total(&format!("to_date={to}")).await, 1);
        let week = viewer.get("/api/v1/analytics/call-volume").await;
        let days = week.ok(200)["data"].as_array().expect("a list").clone();
        assert_eq!(days.len(), 8, "seven days before now touch eight");
        assert_eq!(days.iter().filter_map(|day| day["total_calls"].as_i64()).sum::<i64>(), 2);
    }

    async fn what_cannot_be_meant_is_refused(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        for wrong in [
            "overview?from_date=yesterday",
            "overview?from_date=2026-02-30",
            "overview?from_date=2026-10-02&to_date=2026-10-01",
            "overview?from_date=2999-01-01",
            "overview?to_date=2020-01-01",
            "dashboard?to_date=25.10.2026",
            "qa?from_date=2026-10-02T10:00:00Z&to_date=2026-10-02T09:59:59Z",
            "qa-stats?business_id=%27%20OR%201=1",
            "sentiment?to_date=1",
            "escalations?from_date=0001-01-01&to_date=9999-12-31",
            "call-volume?from_date=2026-10-01",
            "call-volume?to_date=2026-10-01",
            "call-volume?from_date=2026-10-02&to_date=2026-10-01",
            "call-volume?interval=year",
            "call-volume?direction=sideways",
            "call-volume?from_date=2020-01-01&to_date=2026-10-01&interval=hour",
        ] {
            let answer = viewer.get(&format!("/api/v1/analytics/{wrong}")).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        let hours = "call-volume?from_date=2020-01-01&to_date=2026-10-01&interval=hour";
        let answer = viewer.get(&format!("/api/v1/analytics/{hours}")).await;
        let message = answer.json["error"]["message"].as_str().expect("text");
        assert!(message.contains("more than 2500 hours"), "{message}");
        let any_case = "/api/v1/analytics/call-volume?interval=HOUR&direction=Inbound";
        viewer.get(any_case).await.ok(200);
    }

    async fn the_latest_score_counts_and_an_issue_once_for_a_call(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        let at = stage.app.clock.now() - TimeDelta::hours(2);
        let score = |minutes, overall, compliance: &[&str], flagged: &[&str]| Score {
            at: at + TimeDelta::minutes(minutes),
            parts: [overall, 0.5, 0.5, 0.5, 0.5],
            compliance_issues: compliance.iter().map(|one| (*one).to_owned()).collect(),
            flagged_issues: flagged.iter().map(|one| (*one).to_owned()).collect(),
        };
        let mut first = Past::at(at);
        first.scores = vec![
            score(2, 0.9, &["No greeting", "No greeting"], &["No greeting", "Slow"]),
            score(1, 0.1, &["Rude"], &[]),
        ];
        let mut second = Past::at(at);
        second.scores = vec![score(1, 0.7, &[], &["No greeting"])];
        // Escalated once and for all, though a second try was cancelled.
        let escalation = |status, seconds: Option<i64>| Escalation {
            status,
            trigger: "keyword".to_owned(),
            requested_at: at,
            completed_at: seconds.map(|seconds| at + TimeDelta::seconds(seconds)),
        };
        second.escalations = vec![escalation("completed", Some(90)), escalation("cancelled", Some(5))];
        let mut third = Past::at(at);
        third.escalations = vec![escalation("cancelled", None)];
        past::write(&stage.app.db, stage.tenant, &[first, second, third]).await;

        let qa = viewer.get("/api/v1/analytics/qa").await;
        assert_eq!(qa.ok(200)["average_scores"]["overall"], 0.8);
        assert_eq!(qa.json["top_issues"], json!([
            {"issue": "No greeting", "count": 2, "percentage": 100.0},
            {"issue": "Slow", "count": 1, "percentage": 50.0},
        ]));
        let overview = viewer.get("/api/v1/analytics/overview").await;
        assert_eq!(overview.ok(200)["average_qa_score"], 0.8);
        assert_eq!(overview.json["escalated_calls"], 1);
        assert_eq!(overview.json["escalation_rate"], 33.33);
        let escalations = viewer.get("/api/v1/analytics/escalations").await;
        assert_eq!(escalations.ok(200)["total_escalations"], 3);
        assert_eq!(escalations.json["escalation_rate"], 33.33);
        assert_eq!(escalations.json["average_resolution_time"], 90.0);
        assert_eq!(escalations.json["by_trigger_type"],
            json!([{"trigger_type": "keyword", "count": 3, "percentage": 100.0}]));
    }

    async fn what_is_written_is_counted_as_it_stands(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let at = stage.app.clock.now() - TimeDelta::hours(2);
        let business = BusinessId::new();
        let call = scene::Past {
            started_at: at,
            business: Some(business),
            direction: Direction::Outbound,
            ..scene::Past::call(tenant)
        };
        let call = (tenant, call.put(db).await);
        let counted = async |path: &str| {
            let query = format!("business_id={business}");
            let answer = viewer.get(&format!("/api/v1/analytics/{path}?{query}")).await;
            answer.ok(200).clone()
        };
        // The latest score alone counts, and what it names.
        scene::score(db, call, 0.9, at).await;
        assert_eq!(counted("qa").await["top_issues"][0]["issue"], "no_disclosure");
        let mut tx = db.begin().await.expect("begins");
        let score = QaScore {
            overall: 0.4,
            compliance_issues: Vec::new(),
            flagged_issues: vec!["Slow".to_owned(), "Slow".to_owned()],
            ..scene::a_score(call.1, 0.4, at)
        };
        records::insert_qa(&mut tx, tenant, score, json!([])).await.expect("a score");
        tx.commit().await.expect("commits");
        let qa = counted("qa").await;
        assert_eq!(qa["average_scores"]["overall"], 0.4);
        assert_eq!(qa["top_issues"], json!([{"issue": "Slow", "count": 1, "percentage": 100.0}]));
        assert_eq!(counted("overview").await["average_qa_score"], 0.4);
        let shown = viewer.get(&format!("/api/v1/calls/{}", call.1)).await;
        assert_eq!(shown.ok(200)["qa_scores"]["overall_score"], 0.4);

        // A call is escalated while one of its escalations counts, whichever is the latest.
        let escalated = async || {
            let volume = counted("call-volume").await;
            let days = volume["data"].as_array().expect("days").clone();
            let of_days: i64 = days.iter().filter_map(|day| day["escalated_calls"].as_i64()).sum();
            let overview = counted("overview").await["escalated_calls"].clone();
            assert_eq!(overview, of_days);
            of_days
        };
        assert_eq!(escalated().await, 0);
        let mut first = scene::escalation(db, call, EscalationStatus::Pending, None, at).await;
        assert_eq!(escalated().await, 1);
        let mut tx = db.begin().await.expect("begins");
        first.status = EscalationStatus::Completed;
        first.completed_at = Some(at + TimeDelta::seconds(30));
        records::update_escalation(&mut tx, tenant, &first, at).await.expect("written");
        tx.commit().await.expect("commits");
        let second = scene::escalation(db, call, EscalationStatus::Pending, None, at).await;
        let mut tx = db.begin().await.expect("begins");
        escalations::advance(&mut tx, second.id, Progress::Unanswered, at).await.expect("written");
        tx.commit().await.expect("commits");
        assert_eq!(escalated().await, 1, "the first still counts");
        let counts = counted("escalations").await;
        assert_eq!(counts["total_escalations"], 2);
        assert_eq!(counts["average_resolution_time"], 30.0);
        let mut tx = db.begin().await.expect("begins");
        first.status = EscalationStatus::Cancelled;
        records::update_escalation(&mut tx, tenant, &first, at).await.expect("written");
        tx.commit().await.expect("commits");
        assert_eq!(escalated().await, 0);
    }

    async fn statistics_are_read_from_an_index_alone(stage: &Stage) {
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let since = utc("2026-09-01T00:00:00Z");
        // A table that is mostly others' is not read from end to end.
        let mut tenants = vec![tenant];
        for _ in 0..4 {
            tenants.push(stage.other_tenant().await);
        }
        for (seed, tenant) in (1..).zip(tenants) {
            let mut draw = Draw(seed);
            let calls: Vec<Past> = (0..2_500)
                .map(|_| {
                    let at = since + TimeDelta::seconds(draw.below(90 * 86_400) as i64);
                    // As wide as calls are.
                    let summary = "The caller asked about an invoice and was answered. ".repeat(6);
                    Past { summary: Some(summary), ..drawn(&mut draw, at, &[BusinessId::new()]) }
                })
                .collect();
            past::write(db, tenant, &calls).await;
        }
        let lite = db.engine() == "SQLite";
        for settled in [false, true] {
            if settled {
                scene::settle(db).await;
            } else if !lite {
                continue;
            }
            for (days, direction) in [(90, None), (7, None), (30, Some(Direction::Inbound))] {
                let span = Span { since, until: since + TimeDelta::days(days) };
                let periods = Interval::Day.cut(span, Tz::UTC).expect("few enough");
                let scope = Scope { span, business: None, direction };
                let plans = statistics::plans(db, tenant, &scope, &periods).await.expect("plans");
                for (index, plan) in plans {
                    let plan = plan.join("\n");
                    let alone = match lite {
                        true => format!("USING COVERING INDEX {index} "),
                        false => format!("Index Only Scan using {index} "),
                    };
                    assert!(plan.contains(&alone), "{days} days, {settled}: {index}\n{plan}");
                }
            }
        }
    }

    async fn roles_and_tenants_keep_to_themselves(stage: &Stage) {
        let now = stage.app.clock.now();
        past::write(&stage.app.db, stage.tenant, &[Past::at(now - TimeDelta::hours(1))]).await;
        let paths =
            ["overview", "dashboard", "call-volume", "qa", "qa-stats", "sentiment", "escalations"];
        for role in Role::ALL {
            let client = stage.client(role).await;
            for path in paths {
                let answer = client.get(&format!("/api/v1/analytics/{path}")).await;
                match role {
                    Role::Tech => {
                        assert_eq!(answer.refused(403), "FORBIDDEN");
                        let wrong = client.get(&format!("/api/v1/analytics/{path}?from_date=x")).await;
                        assert_eq!(wrong.refused(403), "FORBIDDEN", "the role comes first");
                    }
                    _ => drop(answer.ok(200)),
                }
            }
        }
        let viewer = stage.client(Role::Viewer).await;
        for (name, alias) in [("overview", "dashboard"), ("qa", "qa-stats")] {
            // "Now" may not move between the two.
            let query = "from_date=2020-01-01&to_date=2030-01-01";
            let one = viewer.get(&format!("/api/v1/analytics/{name}?{query}")).await;
            let other = viewer.get(&format!("/api/v1/analytics/{alias}?{query}")).await;
            assert_eq!(one.ok(200), other.ok(200));
        }
        assert_eq!(viewer.get("/api/v1/analytics/overview").await.ok(200)["total_calls"], 1);
        let other = stage.other_tenant().await;
        let stranger = stage.client_of(other, Role::Owner).await;
        assert_eq!(stranger.get("/api/v1/analytics/overview").await.ok(200)["total_calls"], 0);
        stage.stranger().get("/api/v1/analytics/overview").await.refused(401);
    }
}
