//! The carrier's REST API as we use it, over real sockets: the API is played by
//! [`tandem::caller::Rest`], as strict as the real one; and by a whole
//! [`tandem::caller::exchange::Exchange`], whose own calls are tested here, too.

#[path = "carrier/client.rs"]
mod client;
#[path = "carrier/conference.rs"]
mod conference;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "caller/gateway.rs"]
mod gateway;
#[path = "carrier/legs.rs"]
mod legs;
#[path = "carrier/line.rs"]
mod line;
#[path = "carrier/transfer.rs"]
mod transfer;

use std::{future::Future, sync::Arc, time::Duration};

use reqwest::Method;
use secrecy::SecretString;
use tandem::{
    caller::{ACCOUNT_SID, Asked, Fault, Rest},
    carrier::{
        Access, Client, Error,
        calls::Ended,
        hang_up::{Counts, HangUps, NotEnded, Patience},
    },
};
use tokio_util::sync::CancellationToken;
use twiml::{CallSid, form::CallStatus};

const TOKEN: &str = "0123456789abcdef";
/// Nothing here takes so long, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(60);

async fn rest() -> Rest {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let address = "127.0.0.1:0".parse().unwrap();
    Rest::start(address, ACCOUNT_SID, SecretString::from(TOKEN)).await.unwrap()
}

fn client_of(base_url: &str, token: &str) -> Client {
    Client::new(Access {
        api_url: base_url.parse().unwrap(),
        account: ACCOUNT_SID.parse().unwrap(),
        auth_token: SecretString::from(token),
    })
    .unwrap()
}

fn client_at(rest: &Rest) -> Client {
    client_of(rest.base_url(), TOKEN)
}

fn call(number: usize) -> CallSid {
    format!("CA{number:032x}").parse().unwrap()
}

/// What was asked, as methods and statuses.
fn asked(rest: &Rest) -> Vec<(Method, Option<u16>)> {
    rest.asked().into_iter().map(|asked| (asked.method, asked.status)).collect()
}

fn orders(rest: &Rest) -> usize {
    orders_of(&rest.asked())
}

fn orders_of(asked: &[Asked]) -> usize {
    asked.iter().filter(|asked| asked.method == Method::POST).count()
}

const fn busy(retry_after: Option<u32>) -> Fault {
    Fault::Refuse { status: 429, code: Some(20429), retry_after }
}

const DOWN: Fault = Fault::Refuse { status: 503, code: None, retry_after: None };

#[tokio::test]
async fn a_call_is_looked_up_and_ended_and_ending_it_again_is_no_error() {
    let rest = rest().await;
    let ended = rest.begin(call(1).as_str(), true);
    let client = client_at(&rest);
    assert_eq!(client.fetch_call(&call(1)).await.unwrap().status, CallStatus::InProgress);
    assert_eq!(client.end_call(&call(1)).await, Ok(Ended::Now));
    assert!(ended.is_cancelled());
    assert_eq!(client.fetch_call(&call(1)).await.unwrap().status, CallStatus::Completed);
    // The carrier refuses this order (21220); looking shows why.
    assert_eq!(client.end_call(&call(1)).await, Ok(Ended::Before));
}

#[tokio::test]
async fn the_account_shows_whether_the_credentials_are_good() {
    let rest = rest().await;
    assert_eq!(client_at(&rest).account().await.unwrap().status, "active");
    let error = client_of(rest.base_url(), "not the token").account().await.unwrap_err();
    assert_eq!(error.code(), Some(20003));
}

#[tokio::test]
async fn errors_say_what_they_are_and_hopeless_requests_are_sent_once() {
    let rest = rest().await;
    let stranger = client_of(rest.base_url(), "not the token");
    let error = stranger.fetch_call(&call(1)).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Some(20003), false));
    assert!(!error.to_string().contains("not the token"));
    let error = client_at(&rest).end_call(&call(2)).await.unwrap_err();
    assert!(error.is_not_found() && !error.is_retryable(), "{error}");
    assert_eq!(
        error.to_string(),
        "could not end the call: the carrier answers 404 (error 20404): no such resource"
    );
    assert_eq!(asked(&rest), [(Method::GET, Some(401)), (Method::POST, Some(404))]);
    let nobody = client_of("http://127.0.0.1:1", TOKEN);
    let error = nobody.fetch_call(&call(1)).await.unwrap_err();
    assert!(matches!(error, Error::Unreached { sent: false, .. }), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_a_long_wait_is_left_to_others() {
    let rest = rest().await;
    let _ended = rest.begin(call(1).as_str(), false);
    let client = client_at(&rest);
    rest.fail_looks([Some(DOWN), Some(busy(None)), Some(Fault::BreakOff)]);
    assert_eq!(client.fetch_call(&call(1)).await.unwrap().status, CallStatus::InProgress);
    assert_eq!(
        asked(&rest),
        [
            (Method::GET, Some(503)),
            (Method::GET, Some(429)),
            (Method::GET, None),
            (Method::GET, Some(200))
        ]
    );
    rest.fail_looks([Some(busy(Some(60)))]);
    let error = client.fetch_call(&call(1)).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Some(20429), true));
    assert_eq!(rest.asked().len(), 5, "nobody waits for a minute here");
    rest.fail_looks(vec![Some(DOWN); 4]);
    let error = client.fetch_call(&call(1)).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (None, true));
    assert_eq!(rest.asked().len(), 9);
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_given_again_and_done_once() {
    let rest = rest().await;
    let ended = rest.begin(call(1).as_str(), false);
    rest.fail_orders([Some(Fault::BreakOff), Some(Fault::DoneUnsaid)]);
    assert_eq!(client_at(&rest).end_call(&call(1)).await, Ok(Ended::Before));
    assert!(ended.is_cancelled());
    let statuses: Vec<_> = rest.asked().into_iter().map(|asked| asked.status).collect();
    assert_eq!(statuses, [None, None, Some(400), Some(200)]);
}

/// Runs a watch beside `steps`, and stops it.
async fn watched<F: Future<Output = ()>>(
    hang_ups: HangUps,
    steps: impl FnOnce(Arc<HangUps>) -> F,
) -> Counts {
    let (hang_ups, stop) = (Arc::new(hang_ups), CancellationToken::new());
    let watch = tokio::spawn({
        let (hang_ups, stop) = (Arc::clone(&hang_ups), stop.clone());
        async move { hang_ups.watch(stop).await }
    });
    steps(Arc::clone(&hang_ups)).await;
    stop.cancel();
    tokio::time::timeout(PATIENCE, watch).await.expect("it stops").unwrap();
    hang_ups.counts()
}

/// Until so many hang-ups are settled.
async fn settled(hang_ups: &HangUps, wanted: u64) {
    let settle = async {
        loop {
            let Counts { verified, repaired, unverified } = hang_ups.counts();
            if verified + repaired + unverified >= wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settle).await.expect("they are settled");
}

fn soon() -> Patience {
    Patience { word_within: Duration::from_millis(20), tries: 4, pause: Duration::from_millis(5) }
}

fn never() -> Patience {
    Patience::after(Duration::from_secs(3_600))
}

#[tokio::test]
async fn the_carriers_word_settles_a_hang_up_and_nothing_is_asked() {
    let rest = rest().await;
    let counts = watched(HangUps::new(Some(client_at(&rest)), never()), |hang_ups| async move {
        for _ in 0..2 {
            hang_ups.expect(&call(1));
        }
        for _ in 0..2 {
            hang_ups.over(&call(1));
        }
        // The word may come before the session has noticed; and of calls that nobody waits for.
        hang_ups.over(&call(2));
        hang_ups.expect(&call(2));
        hang_ups.over(&call(3));
        assert!(hang_ups.is_over(&call(1)) && !hang_ups.is_over(&call(4)));
    })
    .await;
    assert_eq!(counts, Counts { verified: 2, ..Counts::default() });
    assert_eq!(rest.asked(), []);
}

#[tokio::test]
async fn calls_that_are_still_up_are_ended_each_once() {
    let rest = rest().await;
    let client = client_at(&rest);
    let up: Vec<_> = (0..40).map(|number| rest.begin(call(number).as_str(), false)).collect();
    for over in 0..10 {
        rest.finish(call(over).as_str(), "completed");
    }
    let counts = watched(HangUps::new(Some(client), soon()), |hang_ups| async move {
        for number in 0..40 {
            hang_ups.expect(&call(number));
        }
        settled(&hang_ups, 40).await;
        // The carrier's word of what REST ended changes nothing any more.
        hang_ups.over(&call(39));
    })
    .await;
    assert_eq!(counts, Counts { verified: 10, repaired: 30, unverified: 0 });
    assert!(up.iter().skip(10).all(CancellationToken::is_cancelled));
    assert_eq!(orders(&rest), 30);
}

#[tokio::test]
async fn an_api_in_trouble_is_asked_until_the_call_is_over() {
    let rest = rest().await;
    let ended = rest.begin(call(1).as_str(), false);
    // Longer down than one request is tried; then it takes an order and forgets it.
    rest.fail_looks(vec![Some(DOWN); 5]);
    rest.fail_orders([Some(Fault::NotDone), Some(Fault::DoneUnsaid)]);
    let client = client_at(&rest);
    let counts = watched(HangUps::new(Some(client), soon()), |hang_ups| async move {
        hang_ups.expect(&call(1));
        settled(&hang_ups, 1).await;
    })
    .await;
    assert_eq!(counts, Counts { repaired: 1, ..Counts::default() });
    assert!(ended.is_cancelled());
}

#[tokio::test]
async fn what_cannot_be_made_sure_is_counted_and_given_up() {
    let rest = rest().await;
    let _up = rest.begin(call(1).as_str(), false);
    rest.fail_orders(vec![Some(Fault::NotDone); 4]);
    let wrong = client_of(rest.base_url(), "not the token");
    for (client, asked) in [(Some(client_at(&rest)), 8), (Some(wrong), 9), (None, 9)] {
        let counts = watched(HangUps::new(client, soon()), |hang_ups| async move {
            hang_ups.expect(&call(1));
            hang_ups.told(&call(1));
            settled(&hang_ups, 1).await;
        })
        .await;
        assert_eq!(counts, Counts { unverified: 1, ..Counts::default() });
        assert_eq!(rest.asked().len(), asked);
    }
}

#[tokio::test]
async fn a_process_that_stops_looks_at_what_it_still_waits_for() {
    let rest = rest().await;
    let ended = rest.begin(call(1).as_str(), false);
    let client = client_at(&rest);
    let counts = watched(HangUps::new(Some(client), never()), |hang_ups| async move {
        hang_ups.expect(&call(1));
    })
    .await;
    assert_eq!(counts, Counts { repaired: 1, ..Counts::default() });
    assert!(ended.is_cancelled());
    // It does not wait long, and what it could not look at is counted.
    let nobody = HangUps::new(Some(client_of("http://127.0.0.1:1", TOKEN)), never());
    let counts = watched(nobody, |hang_ups| async move { hang_ups.expect(&call(1)) }).await;
    assert_eq!(counts, Counts { unverified: 1, ..Counts::default() });
}

#[tokio::test]
async fn ending_a_call_that_no_session_holds_is_done_once_however_often_it_is_ordered() {
    let rest = rest().await;
    let ended = rest.begin(call(1).as_str(), false);
    let hang_ups = HangUps::new(Some(client_at(&rest)), soon());
    assert_eq!(hang_ups.order(&call(1)).await, Ok(Ended::Now));
    assert!(ended.is_cancelled());
    for _ in 0..3 {
        assert_eq!(hang_ups.order(&call(1)).await, Ok(Ended::Before));
    }
    assert_eq!(orders(&rest), 1);
    let Err(NotEnded::Api(error)) = hang_ups.order(&call(2)).await else { panic!("unknown") };
    assert!(error.is_not_found());
    assert_eq!(HangUps::new(None, soon()).order(&call(3)).await, Err(NotEnded::NoAccess));
    assert_eq!(hang_ups.counts(), Counts::default(), "no session hung these up");
}
