//! `/api/v1/analytics/export`.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tandem::{
    domain::{BusinessId, Role},
    store::sql,
};

use super::past::{self, Draw, Past, drawn};
use crate::{
    stage::{Answer, Stage},
    told,
};

const TOPICS: [&str; 6] = ["overview", "calls", "qa", "sentiment", "escalations", "full"];

/// The records of a CSV; it must be one, with UTF-8's mark and records of one length.
#[track_caller]
fn records(answer: &Answer) -> Vec<Vec<String>> {
    assert_eq!(answer.status, 200, "{}", answer.json);
    let body = answer.bytes.strip_prefix("\u{feff}".as_bytes()).expect("the mark");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(body);
    let records = reader.records().map(|record| record.expect("a record"));
    records.map(|record| record.iter().map(str::to_owned).collect()).collect()
}

/// The value beside this name.
#[track_caller]
fn value<'a>(records: &'a [Vec<String>], name: &str) -> &'a str {
    let found = records.iter().find(|record| record[0] == name);
    &found.unwrap_or_else(|| panic!("no {name} in {records:?}"))[1]
}

/// A whole PDF.
#[track_caller]
fn is_pdf(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert!(answer.bytes.starts_with(b"%PDF-"), "it is a PDF");
    assert!(answer.bytes.trim_ascii_end().ends_with(b"%%EOF"), "it is whole");
    assert_eq!(answer.headers["content-type"], "application/pdf");
}

async fn audited(stage: &Stage) -> i64 {
    let count = sql("SELECT count(*) FROM audit_events WHERE action = 'analytics.export'");
    let (count,): (i64,) = stage.app.db.one(count).await.expect("counts");
    count
}

fn october(stage_seed: u64, count: u64) -> Vec<Past> {
    let mut draw = Draw(stage_seed);
    let first: DateTime<Utc> = "2026-10-01T00:00:00Z".parse().expect("an instant");
    let businesses = [BusinessId::new()];
    (0..count)
        .map(|_| {
            let at = first + TimeDelta::seconds(draw.below(31 * 86_400) as i64);
            drawn(&mut draw, at, &businesses)
        })
        .collect()
}

const OCTOBER: &str = "from_date=2026-10-01&to_date=2026-10-31";

told! {
    async fn every_report_is_a_file_of_either_format_and_is_written_down(stage: &Stage) {
        past::write(&stage.app.db, stage.tenant, &october(7, 60)).await;
        let agent = stage.client(Role::Agent).await;
        let mut made = 0;
        for topic in TOPICS {
            let posted = agent.post("/api/v1/analytics/export", json!({
                "format": "csv", "report_type": topic, "from_date": "2026-10-01", "to_date": "2026-10-31",
            })).await;
            records(&posted);
            assert_eq!(posted.headers["content-type"], "text/csv; charset=utf-8");
            let name = format!("attachment; filename=\"analytics-{topic}.csv\"");
            assert_eq!(posted.headers["content-disposition"], name.as_str());
            let path = format!("/api/v1/analytics/export?report_type={topic}&{OCTOBER}");
            assert_eq!(records(&agent.get(&path).await)[1..4], records(&posted)[1..4]);
            let pdf = agent.get(&format!("{path}&format=PDF&include_charts=true")).await;
            is_pdf(&pdf);
            // To be looked at: the layout of a page is nothing that a test can like.
            let folder = env!("CARGO_TARGET_TMPDIR");
            std::fs::write(format!("{folder}/analytics-{topic}.pdf"), &pdf.bytes).expect("written");
            let plain = agent.get(&format!("{path}&format=pdf")).await;
            is_pdf(&plain);
            let name = format!("attachment; filename=\"analytics-{topic}.pdf\"");
            assert_eq!(plain.headers["content-disposition"], name.as_str());
            assert!(topic == "calls" || plain.bytes.len() < pdf.bytes.len(), "charts take room");
            made += 4;
        }
        assert_eq!(audited(stage).await, made);
    }

    async fn a_csv_says_what_the_statistics_say(stage: &Stage) {
        let calls = october(8, 80);
        past::write(&stage.app.db, stage.tenant, &calls).await;
        let owner = stage.client(Role::Owner).await;
        let file = owner.get(&format!("/api/v1/analytics/export?{OCTOBER}")).await;
        let file = records(&file);
        let overview = owner.get(&format!("/api/v1/analytics/overview?{OCTOBER}")).await;
        let overview = overview.ok(200);
        for (name, field) in [
            ("Calls", "total_calls"), ("Completed", "completed_calls"),
            ("Not reached or failed", "failed_calls"), ("Still running", "active_calls"),
            ("Escalated to a person", "escalated_calls"),
        ] {
            let found = file.iter().find(|record| record[0] == name && !record[1].is_empty());
            let found = found.expect("the measure")[1].clone();
            assert_eq!(found, overview[field].to_string(), "{name}");
        }
        let rate: f64 = value(&file, "Escalation rate").parse().expect("a number");
        assert_eq!(rate, overview["escalation_rate"].as_f64().expect("a number"));
        let score: f64 = value(&file, "Average QA score").parse().expect("a number");
        assert_eq!(score, overview["average_qa_score"].as_f64().expect("a number"));
        assert_eq!(value(&file, "Period"), "1–31 October 2026 (UTC)");
        let days = file.iter().filter(|record| record[0].starts_with("2026-10-")).count();
        assert_eq!(days, 4 * 31, "each section by day");

        // One row for each call, as one table.
        let path = format!("/api/v1/analytics/export?report_type=calls&{OCTOBER}");
        let rows = records(&owner.get(&path).await);
        assert_eq!(rows.len(), calls.len() + 1);
        assert_eq!(rows[0][..2], ["Call", "Started (UTC)"].map(str::to_owned));
        let newest = calls.iter().map(|call| call.started_at).max().expect("one");
        assert_eq!(rows[1][1], newest.format("%Y-%m-%d %H:%M:%S").to_string());
        let escalated = rows.iter().filter(|row| row[12] == "yes").count();
        assert_eq!(escalated.to_string(), overview["escalated_calls"].to_string());
    }

    async fn what_callers_say_is_no_formula_and_times_are_the_tenants(stage: &Stage) {
        let tenant = stage.app.add_tenant("=Evil & <b>Söhne</b>", "America/New_York").await;
        let tenant = tenant.expect("a tenant");
        let admin = stage.client_of(tenant, Role::Admin).await;
        // The hour that occurs twice, once each time.
        let mut calls = Vec::new();
        for (at, summary) in [
            ("2026-11-01T05:30:00Z", "=HYPERLINK(\"http://example.com\")"),
            ("2026-11-01T06:30:00Z", "Кириллица, \"quotes\",\r\nlines 😀"),
        ] {
            let mut call = Past::at(at.parse().expect("an instant"));
            call.summary = Some(summary.to_owned());
            calls.push(call);
        }
        past::write(&stage.app.db, tenant, &calls).await;
        let span = "from_date=2026-11-01&to_date=2026-11-01";
        let file = admin.get(&format!("/api/v1/analytics/export?report_type=calls&{span}")).await;
        let rows = records(&file);
        assert_eq!(rows[0][1], "Started (America/New_York)");
        assert_eq!(rows[1][1..3], ["2026-11-01 01:30:00", "UTC-05:00"].map(str::to_owned));
        assert_eq!(rows[2][1..3], ["2026-11-01 01:30:00", "UTC-04:00"].map(str::to_owned));
        assert_eq!(rows[1][13], "Кириллица, \"quotes\",\r\nlines 😀");
        assert_eq!(rows[2][13], "'=HYPERLINK(\"http://example.com\")");
        assert_eq!(rows[1][5], "'+14155550100", "a number to dial is no formula either");
        let file = admin.get(&format!("/api/v1/analytics/export?report_type=overview&{span}")).await;
        assert_eq!(value(&records(&file), "Organisation"), "'=Evil & <b>Söhne</b>");
        is_pdf(&admin.get(&format!("/api/v1/analytics/export?format=pdf&include_charts=true&{span}")).await);
    }

    async fn who_may_not_write_downloads_nothing(stage: &Stage) {
        let path = "/api/v1/analytics/export";
        for role in [Role::Viewer, Role::Tech] {
            let client = stage.client(role).await;
            assert_eq!(client.get(path).await.refused(403), "FORBIDDEN");
            assert_eq!(client.get(&format!("{path}?format=x")).await.refused(403), "FORBIDDEN");
            assert_eq!(client.post(path, json!(7)).await.refused(403), "FORBIDDEN");
        }
        let agent = stage.client(Role::Agent).await;
        for wrong in [
            json!({}), json!({"format": "csv"}), json!({"format": "xlsx", "report_type": "full"}),
            json!({"format": "csv", "report_type": "everything"}),
            json!({"format": "csv", "report_type": null}),
            json!({"format": "csv", "report_type": "full", "from_date": null}),
            json!({"format": "csv", "report_type": "full", "from_date": "soon"}),
            json!({"format": "csv", "report_type": "full", "include_charts": "yes"}),
            json!({"format": "csv", "report_type": "full", "from_date": "2026-10-02", "to_date": "2026-10-01"}),
            json!({"format": "csv", "report_type": "full", "business_id": "../../etc/passwd"}),
        ] {
            let answer = agent.post(path, wrong.clone()).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        for wrong in ["format=xlsx", "report_type=x", "include_charts=perhaps", "from_date=x"] {
            let answer = agent.get(&format!("{path}?{wrong}")).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        assert_eq!(audited(stage).await, 0, "nothing was made");

        // Another's calls are in no file.
        past::write(&stage.app.db, stage.tenant, &october(9, 5)).await;
        let other = stage.other_tenant().await;
        let stranger = stage.client_of(other, Role::Owner).await;
        let rows = records(&stranger.get(&format!("{path}?report_type=calls&{OCTOBER}")).await);
        assert_eq!(rows.len(), 1, "names of columns alone");
    }
}
