//! `/api/v1/calls`: reading them.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::{
    domain::{
        BusinessId, Call, CallId, Direction, EscalationStatus, Mood, Role, Search, Speaker, State,
        UserId,
    },
    store::{
        calls::{self, Key, Sort, Wanted},
        page::Page,
    },
};

use crate::{
    scene::{self, Past, noon},
    stage::{Client, Stage, an_agent},
    told,
};

/// The identifiers of a list.
async fn ids(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(&format!("/api/v1/calls?{query}")).await;
    let calls = list.ok(200)["calls"].as_array().expect("a list").clone();
    assert_eq!(list.json["pagination"]["total"], calls.len(), "{query}");
    calls.iter().map(|call| call["id"].as_str().expect("an id").to_owned()).collect()
}

/// Does the list ask for this call? In words of its own: what `calls::list` is held against.
fn is_wanted(wanted: &Wanted, call: &Past) -> bool {
    let escalated = call.escalation.is_some_and(|status| status != EscalationStatus::Cancelled);
    let score = |bound: Option<f64>, fits: fn(f64, f64) -> bool| match (bound, call.qa_score) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(bound), Some(score)) => fits(score, bound),
    };
    let found = match &wanted.search {
        None => true,
        Some(Search::Id(id)) => call.id == *id,
        Some(Search::Sid(sid)) => call.call_sid.as_ref() == Some(sid),
        Some(Search::Part { number, ids }) => {
            call.from_number.contains(number)
                || call.to_number.contains(number)
                || ids.is_some_and(|(first, last)| first <= call.id && call.id <= last)
        }
    };
    found
        && wanted.states.is_none_or(|states| states.contains(&call.state))
        && wanted.escalated.is_none_or(|wanted| wanted == escalated)
        && wanted.direction.is_none_or(|direction| direction == call.direction)
        && wanted.business.is_none_or(|business| Some(business) == call.business)
        && wanted.from.is_none_or(|from| call.started_at >= from)
        && wanted.before.is_none_or(|before| call.started_at < before)
        && wanted.mood.is_none_or(|mood| Some(mood) == call.mood)
        && score(wanted.min_qa, |score, min| score >= min)
        && score(wanted.max_qa, |score, max| score <= max)
}

/// The calls that are wanted, as they are to be sorted.
fn sorted(calls: &[Past], wanted: &Wanted, sort: Sort) -> Vec<CallId> {
    let mut found: Vec<&Past> = calls.iter().filter(|call| is_wanted(wanted, call)).collect();
    found.sort_by(|a, b| {
        let ids = a.id.cmp(&b.id);
        let (valued, order) = match sort.key {
            Key::StartedAt => (std::cmp::Ordering::Equal, a.started_at.cmp(&b.started_at)),
            Key::Duration => {
                let (a, b) = (a.end().1, b.end().1);
                (b.is_some().cmp(&a.is_some()), a.cmp(&b))
            }
            Key::QaScore => {
                let (a, b) = (a.qa_score, b.qa_score);
                (b.is_some().cmp(&a.is_some()), a.partial_cmp(&b).expect("no NaN"))
            }
        };
        let order = order.then(ids);
        valued.then(if sort.ascending { order } else { order.reverse() })
    });
    found.into_iter().map(|call| call.id).collect()
}

const SORTS: [Sort; 6] = [
    Sort { key: Key::StartedAt, ascending: false },
    Sort { key: Key::StartedAt, ascending: true },
    Sort { key: Key::Duration, ascending: false },
    Sort { key: Key::Duration, ascending: true },
    Sort { key: Key::QaScore, ascending: false },
    Sort { key: Key::QaScore, ascending: true },
];

/// Every list is read in its order from the index of its sort key, every count from some index, and
/// neither looks at rows; what few states or feelings have is counted without a look at the others.
async fn plans_are_sound(stage: &Stage, business: BusinessId) {
    let (db, tenant) = (&stage.app.db, stage.tenant);
    let lite = db.engine() == "SQLite";
    let all = Wanted::default;
    let negative = || Wanted { mood: Some(Mood::Negative), ..all() };
    let day = noon() - TimeDelta::days(500);
    for (wanted, counted_by) in [
        (all(), "calls_"),
        (Wanted { states: Some(&[State::Completed]), ..all() }, "calls_by_facets"),
        (Wanted { states: Some(&[State::Busy, State::NoAnswer]), ..all() }, "calls_by_facets"),
        (Wanted { direction: Some(Direction::Inbound), ..negative() }, "calls_by_facets"),
        (Wanted { business: Some(business), ..negative() }, "calls_by_facets"),
        (Wanted { search: Search::of("555"), ..negative() }, "calls_by_facets"),
        (Wanted { business: Some(business), ..all() }, "calls_"),
        (Wanted { min_qa: Some(0.95), ..all() }, "calls_by_qa"),
        (
            Wanted { from: Some(day), before: Some(day + TimeDelta::days(1)), ..all() },
            "calls_by_start",
        ),
        (Wanted { search: Search::of("555"), ..all() }, "calls_"),
    ] {
        for sort in SORTS {
            let [page, count] = calls::plan(db, tenant, &wanted, sort).await.expect("plans");
            let (page, count) = (page.join("\n"), count.join("\n"));
            let (alone, sorts) = match lite {
                true => ("USING COVERING INDEX calls_", "TEMP B-TREE"),
                false => ("Index Only Scan", "Sort"),
            };
            let told = format!("{wanted:?} {sort:?}\n{page}\n{count}");
            assert!(page.contains(alone) && count.contains(alone), "{told}");
            assert!(count.contains(counted_by), "{told}");
            let index = match sort.key {
                Key::StartedAt => "calls_by_start",
                Key::Duration => "calls_by_duration",
                Key::QaScore => "calls_by_qa",
            };
            let in_order = page.contains(index) && !page.contains(sorts);
            // What is little is sorted quicker than it is sought in the order of another key: PostgreSQL
            // knows how little there is, SQLite of dates alone.
            let little = wanted.from.is_some() || !lite && counted_by != "calls_";
            assert!(in_order || little, "{told}");
        }
    }
    // A technician's are found by the jobs.
    let mine = Wanted { assigned_to: Some(UserId::new()), ..all() };
    for sort in SORTS {
        for plan in calls::plan(db, tenant, &mine, sort).await.expect("plans") {
            let plan = plan.join("\n");
            assert!(plan.contains("calls_by_job"), "{sort:?}\n{plan}");
        }
    }
    // The few that run are found without a look at the others, in the usual order.
    let running = Wanted { states: Some(&[State::InProgress]), escalated: Some(false), ..all() };
    let [page, count] = calls::plan(db, tenant, &running, SORTS[0]).await.expect("plans");
    let (page, count) = (page.join("\n"), count.join("\n"));
    assert!(count.contains("calls_by_facets"), "{count}");
    assert!(page.contains(if lite { "calls_running" } else { "calls_by_facets" }), "{page}");
}

told! {
    async fn every_page_of_every_list_is_as_counted_by_hand(stage: &Stage) {
        // More calls than one look takes in, so that pages are counted and read from both ends.
        let db = &stage.app.db;
        let businesses = [BusinessId::new(), BusinessId::new()];
        let seed = 20_261_121;
        let calls = scene::history(stage.tenant, 2_300, &businesses, seed);
        scene::put(db, &calls).await;
        let other = stage.other_tenant().await;
        scene::put(db, &scene::history(other, 100, &businesses, seed + 1)).await;
        scene::settle(db).await;

        let mut draw = scene::Draw(seed);
        let mut some = |many: i64| draw.below(many) == 0;
        let mut lists = vec![Wanted::default()];
        for place in 0..40 {
            let call = &calls[place * 57];
            lists.push(Wanted {
                states: some(3).then_some(match call.state {
                    State::Completed => &[State::Completed],
                    State::Queued | State::Initiated => &[State::Queued, State::Initiated],
                    State::InProgress => &[State::InProgress],
                    _ => &[State::Busy, State::NoAnswer, State::Failed, State::Canceled],
                }),
                escalated: some(6).then(|| some(2)),
                direction: some(3).then_some(call.direction),
                business: call.business.filter(|_| some(4)),
                from: some(4).then_some(call.started_at - TimeDelta::days(2)),
                before: some(4).then_some(call.started_at + TimeDelta::days(2)),
                search: some(4).then(|| Search::of(&call.from_number[5..9])).flatten(),
                min_qa: some(5).then_some(0.3),
                max_qa: some(5).then_some(0.7),
                mood: call.mood.filter(|_| some(4)),
                assigned_to: None,
            });
        }
        for (place, wanted) in lists.iter().enumerate() {
            // All sorts of the whole list, one of each other.
            let sorts = if place == 0 { &SORTS[..] } else { &SORTS[place % 6..=place % 6] };
            for sort in sorts {
                let expected = sorted(&calls, wanted, *sort);
                let length = i64::try_from(expected.len()).expect("few");
                for offset in [0, 40, 950, 1_000, 1_190, 1_900, length - 20, length, length + 500] {
                    let page = Page { size: 50, offset: offset.max(0) };
                    let list = calls::list(db, stage.tenant, wanted, *sort, page).await;
                    let list = list.expect("a list");
                    let found: Vec<CallId> = list.items.iter().map(|call: &Call| call.id).collect();
                    let from = usize::try_from(page.offset).expect("few").min(expected.len());
                    let expected = &expected[from..(from + 50).min(expected.len())];
                    assert_eq!(list.total, length, "seed {seed}: {wanted:?}");
                    assert_eq!(found, expected, "seed {seed}: {wanted:?} {sort:?} {page:?}");
                }
            }
        }
    }

    async fn lists_and_counts_are_read_from_an_index_alone(stage: &Stage) {
        let db = &stage.app.db;
        let business = BusinessId::new();
        scene::put(db, &scene::history(stage.tenant, 5_000, &[business], 3)).await;
        let other = stage.other_tenant().await;
        scene::put(db, &scene::history(other, 5_000, &[BusinessId::new()], 4)).await;
        if db.engine() == "SQLite" {
            // As long as it has not looked at its tables, too.
            plans_are_sound(stage, business).await;
        }
        scene::settle(db).await;
        plans_are_sound(stage, business).await;
    }

    async fn a_status_finds_what_it_shows(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        let db = &stage.app.db;
        let mut expected: Vec<(String, &str)> = Vec::new();
        let escalations = [
            None,
            Some(EscalationStatus::Pending),
            Some(EscalationStatus::InProgress),
            Some(EscalationStatus::Completed),
        ];
        for state in State::ALL {
            for escalation in escalations {
                let shown = match (state, escalation) {
                    (state, Some(_)) if !state.is_over() => "escalated",
                    (State::Queued | State::Initiated, _) => "initiated",
                    (State::Ringing, _) => "ringing",
                    (State::InProgress, _) => "in_progress",
                    (State::Completed, _) => "completed",
                    _ => "failed",
                };
                let call = Past { state: *state, escalation, ..Past::call(stage.tenant) };
                expected.push((call.put(db).await.to_string(), shown));
            }
        }
        for status in ["initiated", "RINGING", "In_Progress", "completed", "failed", "escalated"] {
            let list = viewer.get(&format!("/api/v1/calls?limit=100&status={status}")).await;
            let shown = status.to_lowercase();
            for call in list.ok(200)["calls"].as_array().expect("a list") {
                assert_eq!(call["status"], shown);
            }
            let mut found = ids(&viewer, &format!("limit=100&status={status}")).await;
            let mut wanted: Vec<String> =
                expected.iter().filter(|(_, s)| *s == shown).map(|(id, _)| id.clone()).collect();
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted, "{status}");
        }
    }

    async fn filters_narrow_and_pages_follow(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let business = BusinessId::new();
        let first = Past { business: Some(business), ..Past::call(tenant) };
        let first = first.put(db).await.to_string();
        let second = Past {
            direction: Direction::Outbound,
            mood: Some(Mood::Negative),
            qa_score: Some(0.4),
            started_at: noon() + TimeDelta::hours(1),
            duration: 5,
            ..Past::call(tenant)
        };
        let second = second.put(db).await.to_string();
        let third = Past {
            qa_score: Some(0.8),
            started_at: noon() + TimeDelta::hours(2),
            state: State::InProgress,
            ..Past::call(tenant)
        };
        let third = third.put(db).await.to_string();
        let (first, second, third) = (first.as_str(), second.as_str(), third.as_str());
        for (query, expected) in [
            ("", vec![third, second, first]),
            ("sort_order=ASC", vec![first, second, third]),
            ("sort_by=duration", vec![first, second, third]),
            ("sort_by=duration&sort_order=asc", vec![second, first, third]),
            ("sort_by=qa_score", vec![third, second, first]),
            ("sort_by=QA_SCORE&sort_order=asc", vec![second, third, first]),
            ("direction=Outbound", vec![second]),
            ("sentiment=NEGATIVE", vec![second]),
            ("min_qa_score=0.4", vec![third, second]),
            ("min_qa_score=0.4&max_qa_score=0.5", vec![second]),
            ("max_qa_score=1", vec![third, second]),
            ("business_id=nonsense", vec![]),
            ("business_id=&search=&from_date=", vec![third, second, first]),
            ("from_date=2026-06-01T13:00:00Z", vec![third, second]),
            ("to_date=2026-06-01T13:00:00Z", vec![second, first]),
            ("to_date=2026-06-01T12:59:59.999999Z", vec![first]),
            ("from_date=2026-06-01&to_date=2026-06-01", vec![third, second, first]),
            ("from_date=2026-06-02", vec![]),
            ("to_date=2026-05-31", vec![]),
            ("to_date=9999-12-31&from_date=0001-01-01", vec![third, second, first]),
            ("from_date=2026-06-01T15:00:00+02:00", vec![third, second]),
            ("from_date=9999-12-31&to_date=9999-12-31", vec![]),
            ("from_date=0000-01-01&to_date=0001-01-01", vec![]),
            ("unknown=parameter&status=completed", vec![second, first]),
        ] {
            assert_eq!(ids(&viewer, query).await, expected, "{query}");
        }
        let of_business = format!("business_id={}", business.to_string().replace('-', ""));
        assert_eq!(ids(&viewer, &of_business).await, [first]);

        let page = viewer.get("/api/v1/calls?page=2&limit=2").await;
        assert_eq!(page.ok(200)["calls"][0]["id"], first);
        let expected = json!({
            "page": 2, "limit": 2, "total": 3, "total_pages": 2, "has_next": false, "has_prev": true,
        });
        assert_eq!(page.json["pagination"], expected);
        let beyond = viewer.get("/api/v1/calls?page=9000000000000000000&limit=500").await;
        assert_eq!(beyond.ok(200)["calls"], json!([]));
        assert_eq!(beyond.json["pagination"]["limit"], 100);
    }

    async fn queries_that_cannot_be_meant_are_refused(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        for wrong in [
            "page=0", "page=one", "limit=0", "limit=-1", "status=busy", "status=", "direction=up",
            "sentiment=angry", "sort_by=name", "sort_order=down", "min_qa_score=1.1",
            "min_qa_score=-0.1", "min_qa_score=NaN", "max_qa_score=high", "from_date=yesterday",
            "to_date=2026-02-30", "from_date=2026-06-02&to_date=2026-06-01",
            "from_date=-5000-01-01T00:00:00Z", "to_date=%2B12026-01-01", "from_date=20260601",
            "min_qa_score=0.8&max_qa_score=0.2", "search=a%00b",
        ] {
            let answer = viewer.get(&format!("/api/v1/calls?{wrong}")).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        let answer = viewer.get("/api/v1/calls?sort_by=name").await;
        assert!(answer.json["error"]["details"]["fields"]["sort_by"].is_string(), "{}", answer.json);
    }

    async fn days_are_those_of_the_organisation(stage: &Stage) {
        let berlin = stage.other_tenant().await;
        let viewer = stage.client_of(berlin, Role::Viewer).await;
        let at = |text: &str| text.parse().expect("a time");
        let call = |started_at| Past { started_at, ..Past::call(berlin) };
        // 00:30 on the 2nd there is 22:30 on the 1st in UTC.
        let late = call(at("2026-06-01T22:30:00Z")).put(&stage.app.db).await.to_string();
        let late = late.as_str();
        assert_eq!(ids(&viewer, "from_date=2026-06-02&to_date=2026-06-02").await, [late]);
        assert!(ids(&viewer, "to_date=2026-06-01").await.is_empty());
        // A time without an offset is of the clock on the wall there, as it is for statistics.
        let here = "from_date=2026-06-02T00:30:00&to_date=2026-06-02T00:30:00";
        assert_eq!(ids(&viewer, here).await, [late]);
        let counted = viewer.get(&format!("/api/v1/analytics/overview?{here}")).await;
        assert_eq!(counted.ok(200)["total_calls"], 1);
        assert!(ids(&viewer, "from_date=2026-06-02T00:30:01").await.is_empty());
        let there = "from_date=2026-06-01T22:30:00Z&to_date=2026-06-01T22:30:00Z";
        assert_eq!(ids(&viewer, there).await, [late]);
    }

    async fn a_call_is_found_by_a_part_of_its_numbers_or_by_its_id(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let sid = format!("CA{}", "ab".repeat(16));
        let ann = Past {
            from_number: "+14155550199".to_owned(),
            call_sid: Some(sid.clone()),
            started_at: noon() + TimeDelta::hours(1),
            ..Past::call(tenant)
        };
        let ann = ann.put(db).await.to_string();
        let bert = Past { from_number: "client:Bert_50%".to_owned(), ..Past::call(tenant) };
        let bert = bert.put(db).await.to_string();
        let upper = ann.to_uppercase();
        let plain = ann.replace('-', "");
        for text in [
            "0199", "%2B14155550199", "415%20555-01.99", "(415)%20555", ann.as_str(), &upper, &plain,
            &plain[..20], &sid, &sid.to_lowercase(),
        ] {
            assert_eq!(ids(&viewer, &format!("search={text}")).await, [ann.as_str()], "{text}");
        }
        for text in ["bert", "BERT_", "50%25", "client:"] {
            assert_eq!(ids(&viewer, &format!("search={text}")).await, [bert.as_str()], "{text}");
        }
        assert_eq!(ids(&viewer, "search=5550100").await, [ann.as_str(), bert.as_str()]);
        assert_eq!(ids(&viewer, "search=0100&direction=outbound").await, [""; 0]);
        for text in [
            "%25", "_", "b%25t", "%5C", "'%20OR%201=1%20--", "%22", "0199%27;DROP%20TABLE%20calls",
            "%D0%90%D0%BD%D0%BD%D0%B0", "CA00", "%F0%9F%93%9E",
        ] {
            let found = ids(&viewer, &format!("search={text}")).await;
            let literal = text == "%25" || text == "_";
            let expected = if literal { vec![bert.clone()] } else { vec![] };
            assert_eq!(found, expected, "{text}");
        }
    }

    async fn a_call_is_shown_with_the_latest_of_what_hangs_on_it(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let sid = format!("CA{}", "01".repeat(16));
        let bare = Past { state: State::Queued, ..Past::call(tenant) }.put(db).await;
        let shown = admin.get(&format!("/api/v1/calls/{bare}")).await;
        assert_eq!(shown.ok(200)["call"]["twilio_call_sid"], "");
        let mut keys: Vec<&String> = shown.json.as_object().expect("an object").keys().collect();
        keys.sort();
        assert_eq!(keys, ["call", "interactions_count"], "what is not there is left out");
        for absent in ["ended_at", "qa_score", "sentiment", "assigned_agent", "business_id"] {
            assert!(shown.json["call"].get(absent).is_none(), "{absent}");
        }

        let ann = an_agent(&admin, "Ann <b>&").await;
        let agent = ann["id"].as_str().expect("an id").parse().expect("an id");
        let call = Past {
            call_sid: Some(sid.clone()),
            business: Some(BusinessId::new()),
            agent: Some(agent),
            mood: Some(Mood::Positive),
            ..Past::call(tenant)
        };
        let id = call.put(db).await;
        scene::line(db, (tenant, id), Speaker::Ai, "Hello", 1).await;
        scene::score(db, (tenant, id), 0.9, noon() + TimeDelta::hours(1)).await;
        scene::score(db, (tenant, id), 0.6, noon() + TimeDelta::hours(2)).await;
        let status = EscalationStatus::Pending;
        let early = (Some((agent, "Ann".to_owned())), noon());
        scene::escalation(db, (tenant, id), status, early.0.clone(), early.1).await;
        let late = noon() + TimeDelta::minutes(1);
        scene::escalation(db, (tenant, id), EscalationStatus::Completed, early.0, late).await;
        let shown = admin.get(&format!("/api/v1/calls/{id}")).await;
        let shown = shown.ok(200);
        assert_eq!(shown["interactions_count"], 1);
        assert_eq!(shown["qa_scores"]["overall_score"], 0.6);
        assert_eq!(shown["qa_scores"]["compliance_issues"], json!(["no_disclosure"]));
        assert_eq!(shown["escalation"]["status"], "completed");
        assert_eq!(shown["escalation"]["agent_name"], "Ann <b>&");
        assert_eq!(shown["agent"]["id"], ann["id"]);
        let call = &shown["call"];
        assert_eq!(call["twilio_call_sid"], sid);
        assert_eq!((&call["qa_score"], &call["sentiment"]), (&json!(0.6), &json!("positive")));
        assert_eq!(call["escalation_status"], "completed");
        assert_eq!(call["assigned_agent"], json!({"id": ann["id"], "name": "Ann <b>&"}));
        assert_eq!(call["duration_seconds"], 60);
        // A cancelled escalation is one of the call's, and none of its state.
        let later = noon() + TimeDelta::minutes(2);
        scene::escalation(db, (tenant, id), EscalationStatus::Cancelled, None, later).await;
        let shown = admin.get(&format!("/api/v1/calls/{id}")).await;
        assert_eq!(shown.ok(200)["escalation"]["status"], "cancelled");
        assert!(shown.json["call"].get("escalation_status").is_none());
    }

    async fn a_transcript_is_in_the_order_in_which_it_was_said(stage: &Stage) {
        let viewer = stage.client(Role::Viewer).await;
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let id = Past::call(tenant).put(db).await;
        for (speaker, text, at) in [
            (Speaker::Customer, "У вас есть <script>?", 3),
            (Speaker::Ai, "Hello \"there\"", 1),
            (Speaker::Agent, "This is Ann.", 5),
        ] {
            scene::line(db, (tenant, id), speaker, text, at).await;
        }
        let path = format!("/api/v1/calls/{id}/interactions");
        let said = |answer: &Value| -> Vec<String> {
            let lines = answer["interactions"].as_array().expect("lines").iter();
            lines.map(|line| line["text"].as_str().expect("text").to_owned()).collect()
        };
        let all = viewer.get(&path).await;
        let (hello, question, ann) = ("Hello \"there\"", "У вас есть <script>?", "This is Ann.");
        assert_eq!(said(all.ok(200)), [hello, question, ann]);
        let last = &all.json["interactions"][2];
        assert_eq!((&last["speaker"], &last["metadata"]["speaker_role"]), (&json!("ai"), &json!("human_agent")));
        assert_eq!(all.json["interactions"][1]["sentiment"], json!({"score": -0.5, "label": "negative"}));
        let company = viewer.get(&format!("{path}?speaker=AI&limit=1&offset=1")).await;
        assert_eq!((said(company.ok(200)), &company.json["total"]), (vec![ann.to_owned()], &json!(2)));
        let caller = viewer.get(&format!("{path}?speaker=customer&limit=99999999")).await;
        assert_eq!(said(caller.ok(200)), [question]);
        for wrong in ["speaker=agent", "limit=0", "offset=-1", "limit=all"] {
            let answer = viewer.get(&format!("{path}?{wrong}")).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
    }

    async fn calls_are_seen_by_those_who_may(stage: &Stage) {
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let (tech, user) = stage.client_and_user(Role::Tech).await;
        let job = scene::job(db, tenant, user).await;
        let mine = Past { job: Some(job), ..Past::call(tenant) }.put(db).await;
        let not_mine = Past::call(tenant).put(db).await;
        assert_eq!(ids(&tech, "").await, [mine.to_string()]);
        assert_eq!(ids(&tech, "sort_by=duration&search=5550123").await, [mine.to_string()]);
        for tail in ["", "/interactions", "/notes"] {
            tech.get(&format!("/api/v1/calls/{mine}{tail}")).await.ok(200);
            let refused = tech.get(&format!("/api/v1/calls/{not_mine}{tail}")).await;
            assert_eq!(refused.refused(403), "FORBIDDEN");
        }
        for role in [Role::Viewer, Role::Agent, Role::Dispatcher, Role::Admin, Role::Owner] {
            let client = stage.client(role).await;
            assert_eq!(ids(&client, "").await.len(), 2, "{role:?}");
            client.get(&format!("/api/v1/calls/{not_mine}")).await.ok(200);
        }
        let other = stage.other_tenant().await;
        for role in [Role::Owner, Role::Tech] {
            let stranger = stage.client_of(other, role).await;
            assert!(ids(&stranger, "").await.is_empty());
            assert!(ids(&stranger, &format!("search={mine}")).await.is_empty());
            for tail in ["", "/interactions", "/notes"] {
                let answer = stranger.get(&format!("/api/v1/calls/{mine}{tail}")).await;
                assert_eq!(answer.refused(404), "CALL_NOT_FOUND");
            }
        }
        let admin = stage.client(Role::Admin).await;
        for nothing in [CallId::new().to_string(), "nonsense".to_owned(), "7".to_owned()] {
            for tail in ["", "/interactions", "/notes"] {
                let answer = admin.get(&format!("/api/v1/calls/{nothing}{tail}")).await;
                assert_eq!(answer.refused(404), "CALL_NOT_FOUND");
            }
        }
        let stranger = stage.stranger();
        assert_eq!(stranger.get("/api/v1/calls").await.refused(401), "UNAUTHORIZED");
    }
}
