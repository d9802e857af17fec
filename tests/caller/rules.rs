//! What a gateway may not do, and what the carrier makes of it.

use serde_json::json;
use tandem::caller::{ClosedBy, EndReason, Step};

use super::gateway::*;

#[tokio::test]
async fn messages_that_break_the_rules_are_named_and_ignored() {
    let document = r#"<Connect><Stream url="ws://BASE/media?token=lost"/></Connect>"#;
    let gateway = Gateway::start(&[("/answer", document)], |mut peer| async move {
        peer.begin().await;
        peer.binary().await;
        peer.raw("not json".to_owned()).await;
        peer.raw("not json".to_owned()).await;
        peer.raw(json!({"event": "clear", "streamSid": "MZ0"}).to_string()).await;
        peer.raw(json!({"event": "hang_up", "streamSid": peer.sid}).to_string()).await;
        let payload = json!({"payload": "?"});
        let media = json!({"event": "media", "streamSid": peer.sid, "media": payload});
        peer.raw(media.to_string()).await;
        // Still a call.
        peer.mark("alive").await;
        peer.until("mark").await;
        peer.close().await;
    })
    .await;
    let outcome =
        calls(&gateway.http("/answer"), vec![Step::ExpectHangUp { within: ms(2_000) }]).await;
    assert_eq!(outcome.end, EndReason::ServerHungUp);
    let codes: Vec<(u32, u64)> =
        outcome.violations.iter().map(|one| (one.code, one.times)).collect();
    assert_eq!(codes, [(31923, 1), (31951, 1), (31951, 2), (31951, 1), (31951, 1), (31951, 1)]);
    assert_eq!(outcome.clears, []);
    assert_eq!(outcome.marks.played, 1);
    assert_eq!(gateway.unsigned_upgrades(), 0);
}

#[tokio::test]
async fn a_fork_that_is_spoken_on_is_a_violation() {
    let document = r#"<Start><Stream url="/media"/></Start><Pause length="1"/>"#;
    let gateway = Gateway::start(&[("/answer", document)], |mut peer| async move {
        peer.begin().await;
        peer.say(100).await;
        peer.drain().await;
    })
    .await;
    let outcome =
        calls(&gateway.http("/answer"), vec![Step::ExpectHangUp { within: ms(2_000) }]).await;
    assert_eq!(outcome.violations.len(), 1);
    assert!(outcome.violations[0].what.contains("<Start>"));
    assert!(outcome.turns.is_empty());
}

#[tokio::test]
async fn a_socket_that_breaks_off_is_told_apart_from_a_close() {
    let gateway = Gateway::start(&[], |mut peer| async move {
        peer.begin().await;
        peer.until("media").await;
        // Dropped without a close.
    })
    .await;
    let outcome = calls(&gateway.ws("/media"), vec![Step::Wait(ms(2_000))]).await;
    assert_eq!(outcome.end, EndReason::StreamFailed);
    assert_eq!(outcome.closes[0].by, ClosedBy::Nobody);
    assert!(outcome.step_failed());
}

#[tokio::test]
async fn an_answer_that_is_no_twiml_is_an_application_error() {
    let documents =
        [("/answer", "<Redirect>/broken</Redirect>"), ("/broken", "<Connect></Answer>")];
    let gateway = Gateway::start(&documents, |_| async {}).await;
    let outcome = calls(&gateway.http("/answer"), vec![Step::HangUp]).await;
    assert_eq!(outcome.end, EndReason::ApplicationError { code: 12100 });
    assert_eq!(outcome.violations[0].code, 12100);
    let gateway = Gateway::start(&[("/answer", "<Redirect>/gone</Redirect>")], |_| async {}).await;
    let outcome = calls(&gateway.http("/answer"), vec![Step::HangUp]).await;
    assert_eq!(outcome.end, EndReason::ApplicationError { code: 11200 });
}
