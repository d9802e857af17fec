//! Whole documents as they go out. What is expected lies beside this file in `documents/`;
//! `UPDATE_EXPECT=1` rewrites it.

use expect_test::{ExpectFile, expect_file};
use twiml::{
    Client, Conference, Connect, Dial, Document, DocumentError, Enqueue, Gather, Invalid, Number,
    Pause, Play, Queue, Record, Reject, Response, Say, Sip, Start, Stop, Stream, verb::*,
};

fn check(document: Document, expected: ExpectFile) {
    expected.assert_eq(&format!("{}\n", document.reply().expect("small enough")));
}

#[test]
fn greet_then_stream_then_resume() -> Result<(), Invalid> {
    let stream = Stream::to("wss://voice.example/media")?.parameter("token", "x")?;
    let document = Response::new()
        .say("One moment, please.")
        .connect(Connect::to(stream).action("https://voice.example/resume?call=1&try=2"));
    check(document, expect_file!["documents/greet-then-stream.xml"]);
    Ok(())
}

#[test]
fn a_stream_without_action_is_followed_by_what_is_said_when_it_ends() -> Result<(), Invalid> {
    let stream = Stream::to("wss://voice.example/media")?.parameter("call", "CA01")?;
    let document = Response::new().connect(stream).say("Goodbye.").hangup();
    check(document, expect_file!["documents/stream-then-goodbye.xml"]);
    Ok(())
}

#[test]
fn a_transcript_goes_on_beside_a_conference() -> Result<(), Invalid> {
    let stream = Stream::to("wss://voice.example/listen")?
        .name("transcript")?
        .status_callback("https://voice.example/stream")?;
    let coached = "CA00000000000000000000000000000001".parse().expect("a call's");
    let room = Conference::new("call-17")?
        .start_on_enter(true)
        .end_on_exit(false)
        .participant_label("supervisor")?
        .coach(&coached)
        .wait_in_silence()
        .beep(Beep::Never)
        .status_callback("https://voice.example/room", [RoomEvent::Leave, RoomEvent::Join]);
    let document = Response::new()
        .start(Start::stream(stream).track(Track::Both))
        .dial(Dial::conference(room).action("https://voice.example/after"));
    check(document, expect_file!["documents/listen-to-conference.xml"]);
    Ok(())
}

#[test]
fn a_stream_is_stopped_by_name() -> Result<(), Invalid> {
    let document =
        Response::new().stop(Stop::stream("transcript")?).pause(Pause::seconds(60)?).end();
    check(document, expect_file!["documents/stop-stream.xml"]);
    Ok(())
}

#[test]
fn parties_ring_with_a_whisper() -> Result<(), Invalid> {
    let number = Number::new("+15005550006")?
        .whisper("https://voice.example/whisper?lead=Ann%20Lee")
        .machine_detection(MachineDetection::Enable)
        .machine_detection_timeout(10)?
        .amd_status_callback("https://voice.example/amd")
        .status_callback(
            "https://voice.example/leg",
            [CallProgress::Answered, CallProgress::Initiated, CallProgress::Answered],
        );
    let client = Client::new("alice")?.parameter("lead", "Ann & Bob")?;
    let sip = Sip::to("sip:desk@pbx.example?x-a=1&x-b=2")?.credentials("user", "p\"w");
    let document = Response::new()
        .dial(
            Dial::to(number)
                .or(client)?
                .or(sip)?
                .caller_id("+15005550001")?
                .timeout(20)?
                .answer_on_bridge(true)
                .record(DialRecording::FromAnswerDual)
                .recording_status_callback("https://voice.example/rec", []),
        )
        .say("No one is free.")
        .end();
    check(document, expect_file!["documents/ring-parties.xml"]);
    Ok(())
}

#[test]
fn a_whisper_asks_for_a_key() -> Result<(), Invalid> {
    let ask = Gather::to("https://voice.example/accept")
        .num_digits(1)?
        .timeout(8)?
        .say("A call from Ann <vip> & co. Press 1.")
        .pause(Pause::default());
    check(Response::whisper().gather(ask).hangup(), expect_file!["documents/whisper.xml"]);
    Ok(())
}

#[test]
fn a_menu_always_asks_its_action() -> Result<(), Invalid> {
    let ask = Gather::to("/menu")
        .method(Method::Post)
        .input(Input::KeysOrSpeech)
        .hints(["sales", "support"])?
        .finish_on_no_key()
        .speech_timeout_auto()
        .play(Play::file("https://voice.example/menu.wav"))
        .even_if_silent();
    check(Response::new().gather(ask), expect_file!["documents/menu.xml"]);
    Ok(())
}

#[test]
fn a_voicemail_has_words_for_silence() -> Result<(), Invalid> {
    let record = Record::to("https://voice.example/voicemail")
        .max_length(120)?
        .finish_on([Key::Pound, Key::Star])?
        .play_beep(true)
        .transcribe("https://voice.example/transcript");
    let document = Response::new()
        .say(Say::new("After the beep, please.").voice(Voice::Polly("Joanna-Neural".into())))
        .record_unless_silent(record)
        .say("I heard nothing.")
        .hangup();
    check(document, expect_file!["documents/voicemail.xml"]);
    Ok(())
}

#[test]
fn a_queue_is_joined_waited_in_left_and_served() -> Result<(), Invalid> {
    let join = Enqueue::to("support")?.wait_url("/wait").action("/served").method(Method::Post);
    check(Response::new().enqueue(join), expect_file!["documents/enqueue.xml"]);
    let wait = Response::queue_wait()
        .play(Play::file("https://voice.example/music.wav").repeat(2)?)
        .leave();
    check(wait, expect_file!["documents/queue-wait.xml"]);
    let serve = Response::new()
        .dial(Dial::queue(Queue::new("support")?.announcement("/connecting")))
        .redirect("/next-caller");
    check(serve, expect_file!["documents/serve-queue.xml"]);
    Ok(())
}

#[test]
fn a_full_gateway_is_busy() {
    check(Response::reject(Reject::busy()), expect_file!["documents/busy.xml"]);
}

#[test]
fn a_message_gets_no_reply() {
    check(Response::new().end(), expect_file!["documents/empty.xml"]);
}

#[test]
fn a_pin_is_dialled() -> Result<(), Invalid> {
    let document = Response::new().play(Play::tones(Tones::new("ww1234#")?)).hangup();
    check(document, expect_file!["documents/tones.xml"]);
    Ok(())
}

#[test]
fn what_the_carrier_would_not_take_is_an_error() -> Result<(), Invalid> {
    assert!(Say::new("a").repeat(0).is_err());
    assert!(Say::new("a").repeat(1_001).is_err());
    assert!(Pause::seconds(0).is_err());
    assert!(Gather::to("/a").num_digits(0).is_err());
    assert!(Gather::to("/a").max_speech_time(61).is_err());
    assert!(Gather::to("/a").hints(["a,b"]).is_err());
    assert!(Gather::to("/a").hints(["a".repeat(101)]).is_err());
    assert!(Gather::to("/a").hints(vec!["a"; 501]).is_err());
    assert!(Gather::to("/a").hints(vec!["a"; 500]).is_ok());
    assert!(Record::to("/a").max_length(1).is_err());
    assert!(Record::to("/a").max_length(86_401).is_err());
    assert!(Record::to("/a").finish_on([]).is_err());
    assert!(Enqueue::to("q".repeat(65)).is_err());
    assert!(Enqueue::to("").is_err());
    assert!(Conference::new("").is_err());
    assert!(Conference::new("room")?.participant_label("l".repeat(129)).is_err());
    assert!(Conference::new("room")?.participant_label("l".repeat(128)).is_ok());
    assert!(Conference::new("room")?.max_participants(251).is_err());
    assert!(Number::new("15005550006").is_err());
    assert!(Number::new("+15005550006")?.machine_detection_timeout(61).is_err());
    assert!(Number::new("+15005550006")?.machine_detection_silence_timeout(1_999).is_err());
    assert!(Stop::stream("").is_err());
    assert!(Client::new("").is_err());
    for tones in ["", "12a", "é", &"1".repeat(33)] {
        assert_eq!(Tones::new(tones).err(), Some(Invalid::Tones), "{tones}");
    }
    Ok(())
}

#[test]
fn a_document_has_a_largest_size() {
    let around = Response::new().say("").end().to_string().len();
    let largest = "a".repeat(Document::MAX_BYTES - around);
    let reply = Response::new().say(largest.as_str()).end().reply();
    assert_eq!(reply.map(|text| text.len()), Ok(65_536));
    let refused = Response::new().say(format!("{largest}a")).end().reply();
    assert_eq!(refused, Err(DocumentError::TooLarge { max: 65_536, given: 65_537 }));
}

#[test]
fn an_inline_document_counts_characters_after_escaping() {
    let around = Response::new().say("").end().inline().expect("small").len();
    let room = Document::MAX_INLINE_CHARACTERS - around;
    assert!(Response::new().say("é".repeat(room)).end().inline().is_ok());
    let refused = Response::new().say(format!("{}&", "é".repeat(room - 4))).end().inline();
    assert_eq!(refused, Err(DocumentError::TooLargeInline { max: 4_000, given: 4_001 }));
}

#[test]
fn an_inline_document_has_absolute_addresses_only() -> Result<(), Invalid> {
    let relative = |document: Document| match document.inline() {
        Err(DocumentError::Relative { element, attribute }) => format!("{element} {attribute}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(relative(Response::new().redirect("/a")), "Redirect the address");
    assert_eq!(relative(Response::new().connect(Stream::to("/a")?).end()), "Stream url");
    assert_eq!(relative(Response::new().record(Record::to("a"))), "Record action");
    let deep = Gather::to("https://voice.example/a").play(Play::file("b.wav"));
    assert_eq!(relative(Response::new().gather(deep).end()), "Play the address");
    let room = Conference::new("room")?.wait_in_silence();
    let fine = Response::new()
        .play(Play::tones(Tones::new("1")?))
        .dial(Dial::conference(room))
        .connect(Connect::to(Stream::to("wss://voice.example/m")?).action("https://v.example/r"));
    assert!(fine.inline().expect("absolute").starts_with("<Response><Play digits"));
    Ok(())
}

#[test]
fn debug_names_elements_and_hides_what_they_hold() -> Result<(), Invalid> {
    let document = Response::new().dial(Dial::to(Number::new("+15005550006")?)).hangup();
    assert_eq!(format!("{document:?}"), "Response [Dial [Number], Hangup]");
    Ok(())
}
