//! Calls that end right at the carrier: machines that answer calls of ours, and hang-ups that are
//! verified.

use std::{io::Write, time::Duration};

use reqwest::Method;
use secrecy::SecretString;
use tandem::{
    caller::{
        self, ACCOUNT_SID, Call, Clip, Delivery, Detection, EndReason as CarrierEnd, Fault, Found,
        Outcome, Rest, Step,
    },
    carrier::hang_up::Counts,
};
use turn::{Answerer, Effect, EndReason, Note, Purpose};
use twiml::{Form, Signer};
use vendors::played::{deepgram, openai};

use super::line::{AUTH_TOKEN, Line, PATIENCE, Setup, agent_said, answered, say, voice, went_well};

const MESSAGE: &str = "Hello, this is Testing. Please call us back tomorrow morning.";

async fn rest() -> Rest {
    let address = "127.0.0.1:0".parse().unwrap();
    Rest::start(address, ACCOUNT_SID, SecretString::from(AUTH_TOKEN)).await.unwrap()
}

/// A gateway that can reach this API, and waits `ms` for the carrier's word.
fn with_rest(rest: &Rest, ms: u32) -> Setup {
    let env = vec![
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned()),
        ("TWILIO_AUTH_TOKEN", AUTH_TOKEN.to_owned()),
        ("TWILIO_API_URL", rest.base_url().to_owned()),
        ("TANDEM_HANG_UP_WITHIN_MS", ms.to_string()),
    ];
    Setup { env, ..Setup::default() }
}

fn status_url(line: &Line) -> reqwest::Url {
    format!("{}/webhooks/twilio/status", line.url).parse().unwrap()
}

fn amd_url(line: &Line) -> reqwest::Url {
    format!("{}/webhooks/twilio/amd", line.url).parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn hung_up_within(within: u64) -> Step {
    Step::ExpectHangUp { within: seconds(within) }
}

/// Until so many hang-ups are settled; how they came out.
async fn settled(line: &Line, wanted: u64) -> Counts {
    let settle = async {
        loop {
            let counts = line.gateway.desk.hang_ups.counts();
            if counts.verified + counts.repaired + counts.unverified >= wanted {
                return counts;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settle).await.expect("they are settled")
}

/// The call, once it is live.
async fn live_call(line: &Line) -> String {
    let live = async {
        loop {
            if let Some(call_sid) = line.gateway.desk.registry.live_calls().pop() {
                return call_sid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, live).await.expect("the call is live")
}

/// Plays the call, and ends it from here once it is live.
async fn ended_by_us(line: &Line, call: Call) -> Outcome {
    let ending = async {
        let call_sid = live_call(line).await.parse().unwrap();
        line.gateway.desk.end_call(&call_sid, "end".into(), false).await
    };
    let (outcome, effect) = tokio::join!(caller::place(call), ending);
    assert_eq!(effect.expect("it can be ended"), Effect::Done);
    outcome.expect("the call comes about")
}

fn orders(rest: &Rest) -> usize {
    rest.asked().iter().filter(|asked| asked.method == Method::POST).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_counts_when_the_carrier_says_that_the_call_is_over() {
    let rest = rest().await;
    let line = with_rest(&rest, 20_000).start().await;
    for (done, delivery) in
        [Delivery::InOrder, Delivery::Twice, Delivery::Reversed].into_iter().enumerate()
    {
        let call = line.prepared(vec![hung_up_within(60)]).known_to(&rest);
        let call = call.status_callback(status_url(&line)).every_status().status_delivery(delivery);
        let outcome = ended_by_us(&line, call).await;
        assert_eq!(outcome.end, CarrierEnd::ServerHungUp);
        went_well(&outcome);
        let counts = settled(&line, done as u64 + 1).await;
        assert_eq!(counts, Counts { verified: done as u64 + 1, ..Counts::default() });
        // It is over: ending it again, by whoever and however often, is nothing.
        let call_sid = outcome.call_sid.parse().unwrap();
        for id in ["end", "again"] {
            let effect = line.gateway.desk.end_call(&call_sid, id.into(), true).await.unwrap();
            assert_eq!(effect, Effect::AlreadySo);
        }
    }
    assert_eq!(rest.asked(), [], "the carrier's word was enough");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_that_was_lost_is_repaired_over_rest() {
    let rest = rest().await;
    // The API is in trouble at first: a proxy, a crowd, an answer that breaks off.
    rest.fail_looks([
        Some(Fault::Refuse { status: 502, code: None, retry_after: None }),
        Some(Fault::refuse(429, 20429)),
    ]);
    rest.fail_orders([Some(Fault::NotDone), Some(Fault::BreakOff)]);
    let line = with_rest(&rest, 200).start().await;
    let call = line.prepared(vec![hung_up_within(60)]).known_to(&rest).stuck_at_end();
    let call = call.status_callback(status_url(&line)).status_delivery(Delivery::Lost);
    let outcome = ended_by_us(&line, call).await;
    assert_eq!(outcome.end, CarrierEnd::EndedOverRest);
    let counts = settled(&line, 1).await;
    assert_eq!(counts, Counts { repaired: 1, ..Counts::default() });
    let call_sid = outcome.call_sid.parse().unwrap();
    let before = rest.asked().len();
    let effect = line.gateway.desk.end_call(&call_sid, "again".into(), false).await.unwrap();
    assert_eq!((effect, rest.asked().len()), (Effect::AlreadySo, before));
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_carriers_word_the_call_is_looked_up_and_left_alone_if_it_is_over() {
    let rest = rest().await;
    // By then the carrier itself knows that the call is over, however busy the machine is.
    let line = with_rest(&rest, 3_000).start().await;
    // The first tells nobody, the second too late.
    for (done, delivery) in [Delivery::Lost, Delivery::Late(seconds(8))].into_iter().enumerate() {
        let call = line.prepared(vec![hung_up_within(60)]).known_to(&rest);
        let call = call.status_callback(status_url(&line)).status_delivery(delivery);
        ended_by_us(&line, call).await;
        let counts = settled(&line, done as u64 + 1).await;
        assert_eq!(counts, Counts { verified: done as u64 + 1, ..Counts::default() });
    }
    assert_eq!((rest.asked().len(), orders(&rest)), (2, 0));
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_that_nobody_confirms_is_counted() {
    // There is a token, and no account: the carrier can be believed but not asked.
    let env = vec![("TANDEM_HANG_UP_WITHIN_MS", "200".to_owned())];
    let line = Setup { env, ..Setup::default() }.start().await;
    ended_by_us(&line, line.prepared(vec![hung_up_within(60)])).await;
    assert_eq!(settled(&line, 1).await, Counts { unverified: 1, ..Counts::default() });
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_caller_left_is_not_waited_for() {
    let rest = rest().await;
    let line = with_rest(&rest, 200).start().await;
    let call = line.prepared(vec![answered(), Step::HangUp]).known_to(&rest);
    let outcome = caller::place(call).await.unwrap();
    line.until_idle().await;
    assert_eq!(outcome.end, CarrierEnd::CallerHungUp);
    line.stop().await;
    // A process that stops looks at all that it waits for.
    assert_eq!(rest.asked(), []);
}

/// A business that leaves a message on voicemails. The file must live as long as the line.
fn leaving_messages(hears: &str) -> (tempfile::NamedTempFile, Setup) {
    let mut settings = tempfile::NamedTempFile::new().unwrap();
    write!(settings, "[turn.voicemail]\nthen = \"message\"\nmessage = \"{MESSAGE}\"\n").unwrap();
    let env = vec![("TANDEM_CONFIG", settings.path().display().to_string())];
    let deepgram = deepgram::Script::new().hears(hears);
    let openai = openai::Script::new().answering(|_| openai::Reply::text("Certainly."));
    (settings, Setup { env, deepgram, openai, ..Setup::default() })
}

/// A voicemail: its greeting, its beep, and then it listens.
fn voicemail() -> Vec<Step> {
    let pause = Step::Wait(Duration::from_millis(300));
    vec![
        pause.clone(),
        say("asterisk/vm-nobodyavail"),
        pause,
        Step::Say(Clip::tone(1_000, Duration::from_millis(400)).unwrap()),
        hung_up_within(30),
    ]
}

/// How long after it is connected the voicemail of [`voicemail`] beeps, to the beep's end.
fn beeped() -> Duration {
    let greeting = voice("asterisk/vm-nobodyavail").length().ms();
    Duration::from_millis(300 + greeting + 300 + 400)
}

fn placed(line: &Line, steps: Vec<Step>, detection: Detection) -> Call {
    line.prepared(steps).placed_by_gateway(Some("l1"), Some("c1")).detection(detection)
}

fn beside(line: &Line, found: impl IntoIterator<Item = Found>) -> Detection {
    Detection::Beside { callback: amd_url(line), found: found.into_iter().collect() }
}

/// How the call came out, and by what it was known who answered.
fn came_out(notes: &[Note]) -> (Option<EndReason>, Vec<(Answerer, String)>) {
    let why = notes.iter().find_map(|note| match note {
        Note::Ended { why } => Some(why.clone()),
        _ => None,
    });
    let by = notes.iter().filter_map(|note| match note {
        Note::AnsweredBy { by, known_by } => Some((*by, known_by.clone())),
        _ => None,
    });
    (why, by.collect())
}

/// What was left on the voicemail, and whether all of it was heard.
fn messages(notes: &[Note]) -> Vec<(String, bool)> {
    let left = notes.iter().filter_map(|note| match note {
        Note::AgentSaid { purpose: Purpose::Voicemail, text, cut, .. } => {
            Some((text.clone(), *cut))
        }
        _ => None,
    });
    left.collect()
}

/// When the carrier's player heard the agent begin after this moment of the call.
fn agent_after(outcome: &Outcome, at: u64) -> u64 {
    let turns = outcome.turns.iter().filter(|turn| turn.who == caller::Who::Agent);
    turns.map(|turn| turn.from_ms).find(|from| *from >= at).expect("the agent spoke after that")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voicemail_gets_the_message_after_the_carrier_heard_its_beep() {
    let (_settings, setup) = leaving_messages("Nobody is available to take your call.");
    let line = setup.start().await;
    // Early: a machine. Then the end of its greeting, told twice, and once to another call.
    let end = beeped() + Duration::from_millis(200);
    let detection = beside(
        &line,
        [
            Found::new(Duration::ZERO, "machine_start"),
            Found { call_sid: Some("CA0404".into()), ..Found::new(seconds(1), "fax") },
            Found::new(end, "machine_end_beep"),
            Found::new(end + Duration::from_millis(500), "machine_end_beep"),
            // Long after: the call may be over.
            Found::new(end + seconds(8), "machine_end_beep"),
        ],
    );
    let outcome = caller::place(placed(&line, voicemail(), detection)).await.unwrap();
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    let (why, by) = came_out(&notes);
    assert_eq!(why, Some(EndReason::Voicemail { left_message: true }), "{notes:#?}");
    assert_eq!(by, [(Answerer::Machine, "carrier".to_owned())]);
    assert_eq!(messages(&notes), [(MESSAGE.to_owned(), false)]);
    assert!(agent_after(&outcome, 0) >= beeped().as_millis() as u64, "{:#?}", outcome.turns);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voicemail_gets_one_message_after_the_beep_that_we_hear_ourselves() {
    let (_settings, setup) = leaving_messages("We are out.");
    let line = setup.start().await;
    // The carrier notices the same beep a second later: that is no reason to begin anew.
    let late = beside(&line, [Found::new(beeped() + seconds(1), "machine_end_beep")]);
    let calls = [Detection::Off, late].map(|detection| placed(&line, voicemail(), detection));
    for outcome in futures_util::future::join_all(calls.map(caller::place)).await {
        let outcome = outcome.unwrap();
        went_well(&outcome);
        let notes = line.notes(&outcome.call_sid).await;
        let (why, by) = came_out(&notes);
        assert_eq!(why, Some(EndReason::Voicemail { left_message: true }), "{notes:#?}");
        assert_eq!(by, [(Answerer::MachineAfterBeep, "beep".to_owned())]);
        assert_eq!(messages(&notes), [(MESSAGE.to_owned(), false)]);
        // The greeting of ours that it talked over is not said into its beep, nor is the message.
        let beep = beeped().as_millis() as u64;
        let message = agent_after(&outcome, beep);
        assert!((beep..beep + 6_000).contains(&message), "{beep} {message}");
    }
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_not_taken_for_a_machine() {
    let (_settings, setup) = leaving_messages("Hello, who is there?");
    let line = setup.start().await;
    let steps = || vec![answered(), say("callers/hours"), answered(), Step::HangUp];
    let calls = [
        Detection::First("human".into()),
        beside(&line, [Found::new(Duration::ZERO, "human")]),
        beside(&line, [Found::new(seconds(2), "unknown")]),
        beside(&line, [Found { call_sid: Some("CA0404".into()), ..Found::new(seconds(1), "fax") }]),
    ]
    .map(|detection| placed(&line, steps(), detection));
    for outcome in futures_util::future::join_all(calls.map(caller::place)).await {
        let outcome = outcome.unwrap();
        went_well(&outcome);
        let notes = line.notes(&outcome.call_sid).await;
        let (why, by) = came_out(&notes);
        assert_eq!(why, Some(EndReason::CallerLeft));
        assert!(by.iter().all(|(by, _)| matches!(by, Answerer::Human | Answerer::Unknown)));
        assert_eq!(messages(&notes), []);
        assert_eq!(agent_said(&notes).first().map(String::as_str), Some("Hello, how can I help?"));
    }
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fax_is_hung_up_and_an_inbound_call_is_never_taken_for_one() {
    let rest = rest().await;
    let line = with_rest(&rest, 20_000).start().await;
    let hums = || Step::Say(Clip::tone(2_100, seconds(2)).unwrap());
    let told = |found| vec![Found::new(Duration::from_millis(500), found)];
    let calls = [
        // The carrier knows it before, or soon; or only its tone gives it away.
        Detection::First("fax".into()),
        beside(&line, told("fax")),
        beside(&line, told("unknown")),
        Detection::Off,
    ]
    .map(|detection| {
        let call = placed(&line, vec![hums(), hung_up_within(60)], detection);
        caller::place(call.known_to(&rest).status_callback(status_url(&line)))
    });
    for outcome in futures_util::future::join_all(calls).await {
        let outcome = outcome.unwrap();
        assert_eq!(outcome.end, CarrierEnd::ServerHungUp);
        let (why, by) = came_out(&line.notes(&outcome.call_sid).await);
        assert_eq!(why, Some(EndReason::Fax));
        assert_eq!(by.last().map(|(by, _)| *by), Some(Answerer::Fax));
    }
    assert_eq!(settled(&line, 4).await, Counts { verified: 4, ..Counts::default() });

    // Whatever the carrier says of a call that came in, a caller is a caller.
    let place = async {
        let call = line.prepared(vec![answered(), Step::HangUp]);
        caller::place(call).await.unwrap()
    };
    let tell = async {
        let call_sid = live_call(&line).await;
        assert_eq!(post_amd(&line, &call_sid, AUTH_TOKEN).await, 200);
        // Nor is anybody believed who cannot sign.
        assert_eq!(post_amd(&line, &call_sid, "another token").await, 403);
    };
    let (outcome, ()) = tokio::join!(place, tell);
    let (why, by) = came_out(&line.notes(&outcome.call_sid).await);
    assert_eq!((why, by), (Some(EndReason::CallerLeft), vec![]));
    line.stop().await;
}

/// Says that a fax answered this call.
async fn post_amd(line: &Line, call_sid: &str, token: &str) -> u16 {
    let url = amd_url(line).to_string();
    let form = Form::default().with("CallSid", call_sid).with("AnsweredBy", "fax");
    let signature = Signer::new(&SecretString::from(token)).sign_form(&url, &form);
    let request = reqwest::Client::new()
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("X-Twilio-Signature", signature)
        .body(form.encode());
    request.send().await.expect("the gateway answers").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_only_its_greeting_gives_away_is_hung_up_unless_a_message_is_wanted() {
    let line = Setup {
        deepgram: deepgram::Script::new().hears("Please leave a message after the tone."),
        ..Setup::default()
    }
    .start()
    .await;
    let outcome = caller::place(placed(&line, voicemail(), Detection::Off)).await.unwrap();
    let (why, by) = came_out(&line.notes(&outcome.call_sid).await);
    assert_eq!(why, Some(EndReason::Voicemail { left_message: false }));
    assert_eq!(by, [(Answerer::Machine, "words".to_owned())]);
    line.stop().await;
}
