use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::domain::{
    LoginId, Notification, Role, Sentiment, TenantId, UserId, call::Call, call::Direction,
    call::State,
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000 + seconds, 0).expect("a time")
}

fn actor(role: Role) -> Actor {
    let (user, tenant, login) = (UserId::new(), TenantId::new(), LoginId::new());
    Actor { user, tenant, role, login, name: "Pat".into(), address: None }
}

fn event(tenant: TenantId, call: CallId, sequence: i64) -> Event {
    let kind = Kind::SentimentChanged(Sentiment::of(0.5));
    Event { tenant, call: Some(call), sequence: Some(sequence), kind }
}

fn started(tenant: TenantId, id: CallId) -> Event {
    let call = Call {
        id,
        tenant,
        call_sid: None,
        direction: Direction::Inbound,
        state: State::Ringing,
        from_number: "+14155550100".into(),
        to_number: "+14155550101".into(),
        business: None,
        template: None,
        agent: None,
        started_at: at(0),
        answered_at: None,
        ended_at: None,
        duration_seconds: None,
        end_reason: None,
        summary: None,
        mood: None,
        qa_score: None,
        escalation: None,
        escalated: false,
        metadata: serde_json::Map::new(),
        event_sequence: 1,
        created_at: at(0),
        updated_at: at(0),
    };
    Event { tenant, call: Some(id), sequence: Some(1), kind: Kind::CallStarted(Arc::new(call)) }
}

fn told(numbered: bool) -> Verdict {
    Verdict::Tell { dialect: Dialect::Dashboard, numbered }
}

#[test]
fn the_feed_ends_with_the_first_subscription_and_does_not_come_back() {
    let mut watcher = Watcher::new(actor(Role::Viewer));
    let (tenant, call) = (watcher.actor().tenant, CallId::new());
    let feed = Verdict::Tell { dialect: Dialect::Crm, numbered: false };
    assert_eq!(watcher.judge(&started(tenant, call), at(0)), feed);
    assert_eq!(watcher.judge(&event(tenant, call, 2), at(0)), Verdict::Skip);
    watcher.leave_feed();
    watcher.follow_all(Options::default());
    assert_eq!(watcher.judge(&started(tenant, call), at(0)), told(false));
    assert_eq!(watcher.judge(&event(tenant, call, 2), at(0)), told(false));
    watcher.leave_all();
    assert_eq!(watcher.judge(&started(tenant, call), at(0)), Verdict::Skip);
}

#[test]
fn one_call_is_heard_of_whether_or_not_all_are() {
    let mut watcher = Watcher::new(actor(Role::Agent));
    let (tenant, mine, other) = (watcher.actor().tenant, CallId::new(), CallId::new());
    watcher.leave_feed();
    let numbered = Options { sequence: true, interim: false };
    watcher.follow(mine, numbered, None, 0).expect("there is room");
    assert_eq!(watcher.judge(&event(tenant, mine, 1), at(0)), told(true));
    assert_eq!(watcher.judge(&event(tenant, other, 1), at(0)), Verdict::Skip);
    watcher.follow_all(Options::default());
    assert_eq!(watcher.judge(&event(tenant, other, 2), at(0)), told(false));
    assert_eq!(watcher.judge(&event(tenant, mine, 2), at(0)), told(true));
    watcher.leave_all();
    assert_eq!(watcher.judge(&event(tenant, mine, 3), at(0)), told(true));
    watcher.leave(mine);
    assert_eq!(watcher.judge(&event(tenant, mine, 4), at(0)), Verdict::Skip);
    assert_eq!(watcher.judge(&event(TenantId::new(), mine, 4), at(0)), Verdict::Skip);
}

#[test]
fn what_is_not_final_is_for_those_who_ask() {
    let mut watcher = Watcher::new(actor(Role::Agent));
    let (tenant, call) = (watcher.actor().tenant, CallId::new());
    let kind = Kind::CallerSaying { turn: 1, text: "I'd like".into() };
    let interim = Event { tenant, call: Some(call), sequence: None, kind };
    watcher.leave_feed();
    watcher.follow_all(Options::default());
    assert_eq!(watcher.judge(&interim, at(0)), Verdict::Skip);
    watcher.follow(call, Options { sequence: false, interim: true }, None, 0).expect("room");
    assert_eq!(watcher.judge(&interim, at(0)), told(false));
}

#[test]
fn a_notification_is_for_its_user_in_either_state() {
    let mut watcher = Watcher::new(actor(Role::Tech));
    let (tenant, user) = (watcher.actor().tenant, watcher.actor().user);
    let notification = Arc::new(Notification {
        id: 1,
        kind: "system".into(),
        title: "Hello".into(),
        message: "There".into(),
        call: None,
        data: serde_json::Map::new(),
        read_at: None,
        created_at: at(0),
    });
    let to = |user| Event {
        tenant,
        call: None,
        sequence: None,
        kind: Kind::Notified(user, notification.clone()),
    };
    assert_eq!(watcher.judge(&to(user), at(0)), told(false));
    watcher.leave_feed();
    watcher.follow_all(Options::default());
    assert_eq!(watcher.judge(&to(user), at(0)), told(false));
    assert_eq!(watcher.judge(&to(UserId::new()), at(0)), Verdict::Skip);
}

#[test]
fn a_tech_hears_of_assigned_calls_and_that_is_asked_anew() {
    let mut watcher = Watcher::new(actor(Role::Tech));
    let (tenant, mine, other) = (watcher.actor().tenant, CallId::new(), CallId::new());
    watcher.leave_feed();
    watcher.follow_all(Options::default());
    assert_eq!(watcher.judge(&event(tenant, mine, 1), at(0)), Verdict::Ask(mine));
    watcher.learn(mine, true, at(0));
    watcher.learn(other, false, at(0));
    assert_eq!(watcher.judge(&event(tenant, mine, 1), at(0)), told(false));
    assert_eq!(watcher.judge(&event(tenant, other, 1), at(29)), Verdict::Skip);
    assert_eq!(watcher.judge(&event(tenant, mine, 2), at(30)), Verdict::Ask(mine));
    // Who becomes more sees more, and the other way round.
    let agent = Actor { role: Role::Agent, ..watcher.actor().clone() };
    watcher.set_actor(agent.clone());
    assert_eq!(watcher.judge(&event(tenant, other, 2), at(30)), told(false));
    watcher.set_actor(Actor { role: Role::Tech, ..agent });
    assert_eq!(watcher.judge(&event(tenant, other, 3), at(30)), Verdict::Ask(other));
}

#[test]
fn who_counts_is_told_nothing_twice_and_misses_nothing() {
    let mut watcher = Watcher::new(actor(Role::Agent));
    let (tenant, call) = (watcher.actor().tenant, CallId::new());
    watcher.leave_feed();
    assert_eq!(watcher.follow(call, Options::default(), Some(3), 5), Ok(Some(3)));
    assert_eq!(watcher.judge(&event(tenant, call, 3), at(0)), Verdict::Skip);
    let behind = Verdict::CatchUp { call, after: 3 };
    assert_eq!(watcher.judge(&event(tenant, call, 6), at(0)), behind);
    watcher.caught_up(call, 5);
    assert_eq!(watcher.judge(&event(tenant, call, 6), at(0)), told(false));
    assert_eq!(watcher.judge(&event(tenant, call, 5), at(0)), Verdict::Skip);
    // From the future: it begins with what there is.
    assert_eq!(watcher.follow(call, Options::default(), Some(100), 6), Ok(Some(6)));
    assert_eq!(watcher.judge(&event(tenant, call, 7), at(0)), told(false));
}

#[test]
fn a_resync_says_where_the_client_stands_in_a_bounded_number_of_calls() {
    let mut watcher = Watcher::new(actor(Role::Agent));
    let tenant = watcher.actor().tenant;
    assert!(watcher.resync(7).is_none(), "the feed cannot be asked for again");
    watcher.leave_feed();
    let by_name = CallId::new();
    watcher.follow(by_name, Options::default(), None, 4).expect("room");
    watcher.follow_all(Options::default());
    let last = (0..2 * MOST_TOLD).map(|_| CallId::new()).inspect(|call| {
        assert_eq!(watcher.judge(&event(tenant, *call, 9), at(0)), told(false));
    });
    let last = last.last().expect("there are some");
    let frame = watcher.resync(7).expect("there is something to ask for");
    let data: Value = serde_json::from_str(frame.data.get()).expect("JSON");
    assert_eq!((frame.event, &data["lost"]), ("resync", &7.into()));
    let calls = data["calls"].as_array().expect("a list");
    assert_eq!(calls.len(), MOST_TOLD);
    for (call, sequence) in [(by_name, 4), (last, 9)] {
        let place = serde_json::json!({"call_id": call.to_string(), "sequence": sequence});
        assert!(calls.contains(&place), "{place}");
    }
    // A call that has ended needs no catching up, unless it was named.
    let ended = started(tenant, last);
    let Kind::CallStarted(call) = ended.kind.clone() else { unreachable!() };
    let ended = Event { sequence: Some(10), kind: Kind::CallEnded(call), ..ended };
    assert_eq!(watcher.judge(&ended, at(0)), told(false));
    let frame = watcher.resync(1).expect("there is something to ask for");
    assert!(!frame.data.get().contains(&last.to_string()));
}

#[test]
fn calls_are_subscribed_to_one_by_one_up_to_a_bound() {
    let mut watcher = Watcher::new(actor(Role::Agent));
    let first = CallId::new();
    watcher.follow(first, Options::default(), None, 0).expect("room");
    for _ in 1..MOST_CALLS {
        watcher.follow(CallId::new(), Options::default(), None, 0).expect("room");
    }
    assert_eq!(watcher.follow(CallId::new(), Options::default(), None, 0), Err(TooMany));
    assert_eq!(watcher.follow(first, Options::default(), None, 0), Ok(None), "it is there already");
}

proptest! {
    /// Whatever the hub loses, repeats or brings out of order, a client that counts is told each event
    /// once, in order, from the one after which it began.
    #[test]
    fn a_counting_client_is_told_each_event_once_in_order(
        after in 0_i64..40,
        // At each step: is an event stored, and which of the stored ones does the hub bring?
        steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200),
    ) {
        let mut watcher = Watcher::new(actor(Role::Agent));
        let (tenant, call) = (watcher.actor().tenant, CallId::new());
        watcher.leave_feed();
        let mut stored = 20;
        let begin = watcher.follow(call, Options::default(), Some(after), stored).expect("room");
        let begin = begin.expect("it counts");
        prop_assert_eq!(begin, after.min(20));
        let mut heard: Vec<i64> = Vec::new();
        let replay = |heard: &mut Vec<i64>, watcher: &mut Watcher, after: i64, stored: i64| {
            for sequence in after + 1..=stored {
                heard.push(sequence);
                watcher.caught_up(call, sequence);
            }
        };
        replay(&mut heard, &mut watcher, begin, stored);
        for (more, which) in steps {
            stored += i64::from(more);
            let sequence = which.index(stored as usize) as i64 + 1;
            let brought = event(tenant, call, sequence);
            loop {
                match watcher.judge(&brought, at(0)) {
                    Verdict::Skip => break,
                    Verdict::Tell { .. } => {
                        heard.push(sequence);
                        break;
                    }
                    Verdict::CatchUp { after, .. } => {
                        replay(&mut heard, &mut watcher, after, stored);
                        watcher.caught_up(call, sequence - 1);
                    }
                    Verdict::Ask(_) => prop_assert!(false, "an agent sees all calls"),
                }
            }
        }
        let expected: Vec<i64> = (begin + 1..).take(heard.len()).collect();
        prop_assert_eq!(heard, expected);
    }
}
