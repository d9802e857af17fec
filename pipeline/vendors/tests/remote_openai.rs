//! The OpenAI adapters against a played server: what works, and every way in which it does not.

mod servers;

use std::time::{Duration, Instant};

use serde_json::json;
use servers::*;
use vendors::{
    Llm as _, LlmEvent, Message, Problem, Stt as _, SttEvent, SttInput, SttOptions, Tool, ToolCall,
    Tts as _, openai,
    played::{Failure, Pace, Voice, nowhere, openai::*},
};

fn llm(base_url: &str) -> openai::Llm {
    let settings = openai::Settings { base_url: base_url.into(), ..openai::Settings::chat(key()) };
    openai::Llm::new(settings).unwrap()
}

fn tts(base_url: &str) -> openai::Tts {
    let settings =
        openai::Settings { base_url: base_url.into(), ..openai::Settings::speech(key()) };
    openai::Tts::new(settings).unwrap()
}

fn stt_settings(base_url: &str) -> openai::Settings {
    openai::Settings { base_url: base_url.into(), ..openai::Settings::transcription(key()) }
}

/// Why the first question to a server that fails so fails, and what was said before.
async fn failure(script: Script, failure: Failure) -> (String, vendors::VendorError) {
    let mut request = question("Hello?");
    (request.first_token_within, request.next_token_within) = deadlines(&failure);
    let server = Server::start(script.chat_fails(1, failure)).await;
    let answered = answered(llm(&server.base_url).answer(request)).await;
    assert!(!answered.rest.iter().any(|event| matches!(event, LlmEvent::Done { .. })));
    assert!(server.host.until_quiet(PATIENCE).await, "a request is still under way");
    (answered.text, answered.error.expect("it fails"))
}

#[tokio::test]
async fn a_reply_comes_word_by_word() {
    let server = Server::start(Script::new().reply("Good morning to you.")).await;
    let mut stream = llm(&server.base_url).answer(question("Hello"));
    let Some(LlmEvent::Text(first)) = stream.events.recv().await else { panic!("no text") };
    assert_eq!(first, "Good ");
    let rest = answered(stream).await;
    assert_eq!(rest.text, "morning to you.");
    assert!(matches!(rest.rest[..], [LlmEvent::Done { truncated: false }]), "{:?}", rest.rest);

    let request = &server.host.requests()[0];
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(request.body["stream"], true);
    assert_eq!(request.body["messages"][1], json!({"role": "user", "content": "Hello"}));
}

#[tokio::test]
async fn functions_are_called_in_parallel_and_their_answers_sent_back() {
    let reply = Reply::text("One moment.")
        .call("call_a", "find_order", json!({"number": "42", "note": "né"}))
        .call("call_b", "weather", json!({}));
    let server = Server::start(Script::new().reply(reply).reply("It ships today.")).await;
    let llm = llm(&server.base_url);
    let mut request = question("Where is it?");
    request.tools = vec![Tool {
        name: "find_order".into(),
        description: "Finds an order.".into(),
        parameters: json!({"type": "object"}),
    }];
    let first = answered(llm.answer(request.clone())).await;
    let calls: Vec<ToolCall> = first
        .rest
        .iter()
        .filter_map(|event| match event {
            LlmEvent::ToolCall(call) => Some(call.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(first.text, "One moment.");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].arguments, json!({"number": "42", "note": "né"}));
    assert_eq!(calls[1].arguments, json!({}));
    assert!(matches!(first.rest.last(), Some(LlmEvent::Done { truncated: false })));

    request.history.push(Message::Agent { text: first.text, tool_calls: calls });
    for id in ["call_a", "call_b"] {
        request.history.push(Message::Tool { call_id: id.into(), content: "done".into() });
    }
    assert_eq!(answered(llm.answer(request)).await.text, "It ships today.");
    let sent = &server.chats()[1];
    assert_eq!(sent["tools"][0]["function"]["name"], "find_order");
    assert_eq!(sent["messages"][2]["tool_calls"][0]["id"], "call_a");
    assert_eq!(sent["messages"][3]["tool_call_id"], "call_a");
}

#[tokio::test]
async fn the_token_limit_is_told() {
    let reply = Reply { truncated: true, ..Reply::text("And then") };
    let server = Server::start(Script::new().reply(reply)).await;
    let answered = answered(llm(&server.base_url).answer(question("Go on"))).await;
    assert!(matches!(answered.rest[..], [LlmEvent::Done { truncated: true }]));
}

#[tokio::test]
async fn twenty_turns_use_one_connection() {
    let server = Server::start(Script::new()).await;
    let llm = llm(&server.base_url);
    for _ in 0..20 {
        assert_eq!(answered(llm.answer(question("Well?"))).await.text, "Yes.");
    }
    assert_eq!(server.host.connections_ever(), 1);
    drop(llm);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}

#[tokio::test]
async fn nobody_there_and_a_closed_door_are_unreachable() {
    let error = answered(llm(&nowhere()).answer(question("Hello"))).await.error.unwrap();
    assert!(matches!(error.problem, Problem::Unreachable(_)), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");

    let (_, error) = failure(Script::new(), Failure::Refuse).await;
    assert!(matches!(error.problem, Problem::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn statuses_are_told_apart_and_keep_the_requests_id() {
    for status in [401, 403] {
        let (_, error) = failure(Script::new(), Failure::Status(status)).await;
        assert!(matches!(error.problem, Problem::Unauthorized { status: s } if s == status));
        assert!(!error.problem.is_transient());
        assert_eq!(error.request_id.as_deref(), Some("req_1"));
        assert!(error.to_string().contains("check the vendor's API key"), "{error}");
    }
    let (_, error) = failure(Script::new(), Failure::Status(503)).await;
    assert!(error.problem.is_transient());
    assert!(error.to_string().contains("HTTP 503: played status 503"), "{error}");
    assert_eq!(error.request_id.as_deref(), Some("req_1"));

    let limited = Failure::TooMany { retry_after: "1.5".into() };
    let (_, error) = failure(Script::new(), limited).await;
    let wait = Some(Duration::from_millis(1_500));
    assert!(matches!(error.problem, Problem::RateLimited { retry_after } if retry_after == wait));
}

#[tokio::test]
async fn a_refused_request_is_not_repeated_behind_the_callers_back() {
    let limited = Failure::TooMany { retry_after: "30".into() };
    let server = Server::start(Script::new().chat_always_fails(limited)).await;
    let begun = Instant::now();
    let answered = answered(llm(&server.base_url).answer(question("Hello"))).await;
    assert!(answered.error.is_some() && begun.elapsed() < Duration::from_secs(5));
    assert_eq!(server.chats().len(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_or_ends_early_is_cut() {
    // The role, then four words.
    let (said, error) =
        failure(Script::new().reply("one two three four"), Failure::CutAfter(3)).await;
    assert_eq!(said, "one two ");
    assert!(matches!(error.problem, Problem::Cut(_)), "{error}");
    assert_eq!(error.request_id.as_deref(), Some("req_1"));

    let (said, error) =
        failure(Script::new().reply("one two three four"), Failure::EndAfter(2)).await;
    assert_eq!(said, "one ");
    assert!(matches!(error.problem, Problem::Cut(_)), "{error}");
}

#[tokio::test]
async fn a_missing_end_mark_is_forgiven_after_the_reason() {
    // The role, one word, the reason: all but the mark.
    let script = Script::new().reply("fine").chat_fails(1, Failure::EndAfter(3));
    let server = Server::start(script).await;
    let answered = answered(llm(&server.base_url).answer(question("How are you?"))).await;
    assert!(answered.error.is_none());
    assert_eq!(answered.text, "fine");
}

#[tokio::test]
async fn nonsense_is_malformed() {
    let (said, error) = failure(Script::new().reply("one two"), Failure::MalformedAfter(2)).await;
    assert_eq!(said, "one ");
    assert!(matches!(error.problem, Problem::Malformed(_)), "{error}");

    let (_, error) = failure(Script::new(), Failure::Garbage).await;
    assert!(matches!(error.problem, Problem::Malformed(_)), "{error}");
    assert!(error.to_string().contains("text/html"), "{error}");
}

#[tokio::test]
async fn an_error_inside_the_stream_keeps_its_kind() {
    let limited = Failure::ErrorAfter(2, "rate_limit_exceeded".into());
    let (said, error) = failure(Script::new().reply("one two"), limited).await;
    assert_eq!(said, "one ");
    assert!(matches!(error.problem, Problem::RateLimited { .. }), "{error}");

    let broken = Failure::ErrorAfter(0, "server_error".into());
    let (_, error) = failure(Script::new(), broken).await;
    assert!(matches!(error.problem, Problem::Cut(_)), "{error}");
}

#[tokio::test]
async fn a_stall_runs_into_its_deadline() {
    // The role arrives, but nobody hears a role.
    let server = Server::start(Script::new().chat_fails(1, Failure::StallAfter(1))).await;
    let mut request = question("Hello?");
    request.first_token_within = SOON;
    let error = answered(llm(&server.base_url).answer(request)).await.error.unwrap();
    assert!(
        matches!(error.problem, Problem::TimedOut { waited_for: "first token", after } if after == SOON),
        "{error}"
    );

    let (said, error) = failure(Script::new().reply("one two"), Failure::StallAfter(2)).await;
    assert_eq!(said, "one ");
    assert!(
        matches!(error.problem, Problem::TimedOut { waited_for: "next token", after } if after == SOON),
        "{error}"
    );
}

#[tokio::test]
async fn a_late_first_byte_is_too_late_only_after_the_deadline() {
    let late = Failure::SlowFirstByte(Duration::from_secs(30));
    let (_, error) = failure(Script::new(), late).await;
    assert!(matches!(error.problem, Problem::TimedOut { waited_for: "first token", .. }));

    let late = Failure::SlowFirstByte(Duration::from_millis(50));
    let server = Server::start(Script::new().reply("There.").chat_fails(1, late)).await;
    let answered = answered(llm(&server.base_url).answer(question("Are you?"))).await;
    assert_eq!(answered.text, "There.");
}

#[tokio::test]
async fn dropping_the_stream_ends_the_vendors_work() {
    let endless = "word ".repeat(2_000);
    let pace = Pace { first: Duration::ZERO, between: Duration::from_millis(5) };
    let server = Server::start(Script::new().reply(endless.as_str()).chat_pace(pace)).await;
    let llm = llm(&server.base_url);
    let mut stream = llm.answer(question("Tell me all"));
    assert!(stream.events.recv().await.is_some());
    drop(stream);
    assert!(server.host.until_quiet(PATIENCE).await, "the vendor still talks to nobody");

    // The same when only the events are let go.
    let vendors::LlmStream { events, work } = llm.answer(question("Tell me all"));
    assert!(server.host.until_busy(PATIENCE).await);
    drop(events);
    assert!(server.host.until_quiet(PATIENCE).await, "the vendor still talks to nobody");
    drop(work);
}

#[tokio::test]
async fn check_says_whether_the_key_and_the_model_are_there() {
    let server = Server::start(Script::new()).await;
    let said = llm(&server.base_url).check().await.unwrap();
    assert_eq!(said, "the key is accepted; gpt-6-luna is not among its 1 models");
    let error = tts(&nowhere()).check().await.unwrap_err();
    assert!(matches!(error.problem, Problem::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn speech_becomes_mulaw_of_the_same_length_and_pitch() {
    // 50 characters of 20 ms: one second.
    let voice = Voice::tone(20);
    let server = Server::start(Script::new().voice(voice)).await;
    let text = "x".repeat(50);
    let spoken = spoken(tts(&server.base_url).speak(sentence(&text))).await;
    assert!(spoken.done && spoken.error.is_none(), "{:?}", spoken.error);
    assert_eq!(spoken.audio.len(), 8_000);
    let samples = media::g711::decode_all(&spoken.audio);
    let middle = &samples[2_000..6_000];
    let crossings = middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    assert!(
        (219..=221).contains(&crossings),
        "440 Hz has 220 periods in half a second: {crossings}"
    );
    let peak = middle.iter().max().unwrap();
    assert!((7_000..9_000).contains(peak), "{peak}");

    let sent = &server.speeches()[0];
    assert_eq!((&sent["response_format"], &sent["voice"]), (&json!("pcm"), &json!("coral")));
}

#[tokio::test]
async fn speech_fails_in_every_way_with_its_problem() {
    let fail = async |failure: Failure| {
        let within = deadlines(&failure);
        let server = Server::start(Script::new().speech_always_fails(failure)).await;
        let mut request = sentence(&"x".repeat(60));
        (request.first_audio_within, request.next_audio_within) = within;
        let spoken = spoken(tts(&server.base_url).speak(request)).await;
        assert!(server.host.until_quiet(PATIENCE).await);
        let heard = !spoken.audio.is_empty();
        (heard, spoken.error.expect("it fails").problem)
    };
    assert!(matches!(fail(Failure::Refuse).await, (false, Problem::Unreachable(_))));
    assert!(matches!(fail(Failure::Status(401)).await, (false, Problem::Unauthorized { .. })));
    assert!(matches!(fail(Failure::Status(500)).await, (false, Problem::Status { .. })));
    let limited = Failure::TooMany { retry_after: "2".into() };
    assert!(matches!(fail(limited).await, (false, Problem::RateLimited { retry_after: Some(_) })));
    assert!(matches!(fail(Failure::CutAfter(4)).await, (true, Problem::Cut(_))));
    assert!(matches!(fail(Failure::EndAfter(0)).await, (false, Problem::Malformed(_))));
    assert!(matches!(fail(Failure::Garbage).await, (false, Problem::Malformed(_))));
    let (heard, problem) = fail(Failure::StallAfter(0)).await;
    assert!(!heard && matches!(problem, Problem::TimedOut { waited_for: "first audio", .. }));
    let (heard, problem) = fail(Failure::StallAfter(4)).await;
    assert!(heard && matches!(problem, Problem::TimedOut { waited_for: "next audio", .. }));
    let late = Failure::SlowFirstByte(Duration::from_secs(30));
    let (_, problem) = fail(late).await;
    assert!(matches!(problem, Problem::TimedOut { waited_for: "first audio", .. }));
}

/// One utterance of a second, told to the recogniser.
async fn say(stream: &vendors::SttStream, from_ms: u64) {
    send_audio(stream, from_ms, from_ms + 400, false).await;
    send(stream, SttInput::SpeechStarted { at_ms: from_ms + 400 }).await;
    send_audio(stream, from_ms + 400, from_ms + 1_400, true).await;
    send(stream, SttInput::SpeechStopped { at_ms: from_ms + 1_400 }).await;
}

#[tokio::test]
async fn each_utterance_is_transcribed_once_it_is_over() {
    let script = Script::new().transcript("hello there").transcript(" second \n");
    let server = Server::start(script).await;
    let stt = openai::Stt::new(stt_settings(&server.base_url)).unwrap();
    let options = SttOptions { language: "en-GB".into(), keywords: vec!["Tandem".into()] };
    let mut stream = stt.listen(options);
    say(&stream, 10_000).await;
    say(&stream, 20_000).await;
    for (expected, from) in [("hello there", 10_100), ("second", 20_100)] {
        let Some(SttEvent::Final { text, from_ms, to_ms, .. }) = next(&mut stream).await else {
            panic!("no final words")
        };
        assert_eq!((text.as_str(), from_ms, to_ms), (expected, from, from + 1_300));
    }
    let sent = &server.host.requests()[0].body;
    assert_eq!(sent["languages[]"], json!(["en"]));
    assert_eq!(sent["keywords[]"], json!(["Tandem"]));
    assert_eq!(sent["model"], "gpt-transcribe");
    // A second of speech and 300 ms before it, 16-bit, with its header.
    assert_eq!(sent["file"], json!(44 + 1_300 * 16));
}

#[tokio::test]
async fn older_models_get_the_older_fields() {
    let server = Server::start(Script::new().transcript("yes")).await;
    let settings = openai::Settings { model: "whisper-1".into(), ..stt_settings(&server.base_url) };
    let stt = openai::Stt::new(settings).unwrap();
    let mut stream =
        stt.listen(SttOptions { language: "de".into(), keywords: vec!["a".into(), "b".into()] });
    say(&stream, 0).await;
    assert!(matches!(next(&mut stream).await, Some(SttEvent::Final { .. })));
    let sent = &server.host.requests()[0].body;
    assert_eq!((&sent["language"], &sent["prompt"]), (&json!("de"), &json!("a, b")));
    assert_eq!(sent["response_format"], "json");
}

#[tokio::test]
async fn hanging_up_in_mid_word_still_yields_the_words() {
    let server = Server::start(Script::new().transcript("good b")).await;
    let stt = openai::Stt::new(stt_settings(&server.base_url)).unwrap();
    let vendors::SttStream { input, mut events, work } = stt.listen(SttOptions::default());
    let _ = input.send(SttInput::SpeechStarted { at_ms: 0 }).await;
    let mulaw = bytes::Bytes::from(vec![0x80; 8_000]);
    let _ = input.send(SttInput::Audio { at_ms: 0, mulaw }).await;
    drop(input);
    let last = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap();
    assert!(matches!(last, Some(SttEvent::Final { text, .. }) if text == "good b"));
    assert!(tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().is_none());
    drop(work);
}

#[tokio::test]
async fn guesses_come_while_the_caller_speaks_if_asked_for() {
    let script = Script::new().transcript("one").transcript("one two");
    let server = Server::start(script).await;
    let settings = openai::Settings {
        interim_every: Some(Duration::from_millis(500)),
        ..stt_settings(&server.base_url)
    };
    let mut stream = openai::Stt::new(settings).unwrap().listen(SttOptions::default());
    send(&stream, SttInput::SpeechStarted { at_ms: 0 }).await;
    send_audio(&stream, 0, 600, true).await;
    assert!(
        matches!(next(&mut stream).await, Some(SttEvent::Interim { text, .. }) if text == "one")
    );
    send(&stream, SttInput::SpeechStopped { at_ms: 600 }).await;
    assert!(
        matches!(next(&mut stream).await, Some(SttEvent::Final { text, .. }) if text == "one two")
    );
}

#[tokio::test]
async fn a_passing_fault_costs_time_but_no_words() {
    let faults = [
        Failure::Refuse,
        Failure::Status(500),
        Failure::TooMany { retry_after: "0.01".into() },
        Failure::MalformedAfter(0),
        Failure::CutAfter(0),
        Failure::Garbage,
    ];
    for fault in faults {
        let script = Script::new().transcript("yes").transcription_fails(1, fault.clone());
        let server = Server::start(script).await;
        let stt = openai::Stt::new(stt_settings(&server.base_url)).unwrap();
        let mut stream = stt.listen(SttOptions::default());
        say(&stream, 0).await;
        let first = next(&mut stream).await;
        assert!(matches!(first, Some(SttEvent::Reconnecting(_))), "{fault:?}: {first:?}");
        assert!(matches!(next(&mut stream).await, Some(SttEvent::Recovered)), "{fault:?}");
        let last = next(&mut stream).await;
        assert!(matches!(last, Some(SttEvent::Final { text, .. }) if text == "yes"), "{fault:?}");
    }
}

#[tokio::test]
async fn a_lasting_fault_and_a_refused_key_are_the_end() {
    let server =
        Server::start(Script::new().transcription_always_fails(Failure::Status(500))).await;
    let stt = openai::Stt::new(stt_settings(&server.base_url)).unwrap();
    let mut stream = stt.listen(SttOptions::default());
    say(&stream, 0).await;
    assert!(matches!(next(&mut stream).await, Some(SttEvent::Reconnecting(_))));
    let Some(SttEvent::Failed(error)) = next(&mut stream).await else { panic!("no failure") };
    assert_eq!(error.request_id.as_deref(), Some("req_3"));
    assert!(next(&mut stream).await.is_none());
    assert_eq!(server.host.requests().len(), 3);

    let server =
        Server::start(Script::new().transcription_always_fails(Failure::Status(401))).await;
    let stt = openai::Stt::new(stt_settings(&server.base_url)).unwrap();
    let mut stream = stt.listen(SttOptions::default());
    say(&stream, 0).await;
    let Some(SttEvent::Failed(error)) = next(&mut stream).await else { panic!("no failure") };
    assert!(matches!(without_key(error).problem, Problem::Unauthorized { .. }));
}

#[tokio::test]
async fn a_transcription_that_stalls_is_given_up_in_time() {
    let script = Script::new().transcript("late").transcription_fails(1, Failure::StallAfter(0));
    let server = Server::start(script).await;
    let settings = openai::Settings { transcribe_within: LATE, ..stt_settings(&server.base_url) };
    let mut stream = openai::Stt::new(settings).unwrap().listen(SttOptions::default());
    say(&stream, 0).await;
    let Some(SttEvent::Reconnecting(error)) = next(&mut stream).await else { panic!() };
    assert!(matches!(error.problem, Problem::TimedOut { waited_for: "transcript", .. }), "{error}");
    assert!(matches!(next(&mut stream).await, Some(SttEvent::Recovered)));
    drop(stream);
    assert!(server.host.until_quiet(PATIENCE).await);
}
