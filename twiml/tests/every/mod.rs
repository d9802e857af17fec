//! One document per verb with everything set, and one per fixed value.

use twiml::{
    Client, Conference, Connect, Dial, Document, Enqueue, Gather, Invalid, Number, Pause, Play,
    Queue, Record, Redirect, Reject, Response, Say, Sip, Start, Stop, Stream, verb::*,
};

const URL: &str = "https://voice.example/hook?a=1&b=2";

pub fn documents() -> Vec<Document> {
    let mut documents = whole().expect("valid values");
    documents.extend(values().expect("valid values"));
    documents
}

fn whole() -> Result<Vec<Document>, Invalid> {
    let say = Say::new("Hello").voice(Voice::Polly("Joanna-Neural".into())).language("en-US");
    let tones = Tones::new("ww12*#W")?;
    Ok(vec![
        Response::new()
            .say(say.clone().repeat(2)?)
            .play(Play::file("https://voice.example/a.wav").repeat(3)?)
            .play(Play::file("/b.wav").repeat_until_hangup())
            .play(Play::tones(tones.clone()))
            .pause(Pause::seconds(2)?)
            .pause(Pause::default())
            .say(say.repeat_until_hangup())
            .hangup(),
        Response::reject(Reject::busy()),
        Response::reject(Reject::not_in_service()),
        Response::new().redirect(Redirect::to("/next").method(Method::Get)),
        Response::new().redirect(URL),
        Response::queue_wait().say("Please wait.").leave(),
        Response::room_wait().play(Play::file("/music.wav")).redirect("/wait"),
        Response::whisper().gather(whole_gather()?).hangup(),
        Response::new().gather(whole_gather()?.even_if_silent()),
        Response::new().record(whole_record()?),
        Response::new().record_unless_silent(whole_record()?).say("Nothing was heard.").end(),
        Response::new().dial(
            whole_dial(Dial::to(number()?))?
                .or(client()?)?
                .or(sip()?)?
                .caller_id("+15005550006")?
                .ring_tone("us")?
                .timeout(20)?
                .answer_on_bridge(true)
                .sequential(true)
                .call_reason("About your order")?
                .refer_url(URL)
                .refer_method(Method::Post)
                .action(URL)
                .method(Method::Post),
        ),
        Response::new().dial(whole_dial(Dial::conference(conference()?))?).hangup(),
        Response::new()
            .dial(Dial::queue(
                Queue::new("support")?.announcement(URL).announcement_method(Method::Get),
            ))
            .end(),
        Response::new().enqueue(
            Enqueue::to("support")?
                .wait_url(URL)
                .wait_url_method(Method::Get)
                .max_queue_size(50)?
                .action(URL)
                .method(Method::Post),
        ),
        Response::new().connect(Connect::to(stream()?).action(URL).method(Method::Get)),
        Response::new().connect(Stream::to("/media")?).say("Goodbye.").end(),
        Response::new()
            .start(Start::stream(stream()?).track(Track::Both))
            .pause(Pause::default())
            .stop(Stop::stream("audio")?)
            .end(),
    ])
}

/// Every fixed value in every place that takes it.
fn values() -> Result<Vec<Document>, Invalid> {
    let mut documents = Vec::new();
    let mut gather = |gather: Gather| documents.push(Response::new().gather(gather).end());
    for model in SpeechModel::ALL {
        gather(Gather::to(URL).speech_model(*model));
    }
    for input in Input::ALL {
        gather(Gather::to(URL).input(*input));
    }
    for key in Key::ALL {
        gather(Gather::to(URL).finish_on(*key));
    }
    gather(Gather::to(URL).finish_on_no_key().speech_timeout_auto());
    for voice in [Voice::Man, Voice::Woman, Voice::Google("en-US-Standard-A".into())] {
        documents.push(Response::new().say(Say::new("Hello").voice(voice)).end());
    }
    let mut room = |room: Conference| {
        documents.push(Response::new().dial(Dial::conference(room)).end());
    };
    for beep in Beep::ALL {
        room(Conference::new("room")?.beep(*beep));
    }
    for size in JitterBuffer::ALL {
        room(Conference::new("room")?.jitter_buffer(*size));
    }
    for region in Region::ALL {
        room(Conference::new("room")?.region(*region));
    }
    for record in RoomRecording::ALL {
        room(Conference::new("room")?.record(*record));
    }
    for trim in Trim::ALL {
        room(Conference::new("room")?.trim(*trim).wait_in_silence());
    }
    for method in Method::ALL {
        room(Conference::new("room")?.wait_method(*method));
    }
    for record in DialRecording::ALL {
        let dial = Dial::to(Number::new("+15005550006")?).record(*record);
        documents.push(Response::new().dial(dial).end());
    }
    for track in RecordingTrack::ALL {
        let dial = Dial::to(Number::new("+15005550006")?).recording_track(*track);
        documents.push(Response::new().dial(dial).end());
    }
    for mode in MachineDetection::ALL {
        let dial = Dial::to(Number::new("+15005550006")?.machine_detection(*mode));
        documents.push(Response::new().dial(dial).end());
    }
    for track in Track::ALL {
        let start = Start::stream(Stream::to("/media")?).track(*track);
        documents.push(Response::new().start(start).hangup());
    }
    Ok(documents)
}

fn whole_gather() -> Result<Gather, Invalid> {
    Ok(Gather::to(URL)
        .method(Method::Post)
        .input(Input::KeysOrSpeech)
        .num_digits(4)?
        .finish_on(Key::Pound)
        .timeout(5)?
        .speech_timeout(2)?
        .max_speech_time(60)?
        .hints(["yes", "no thank you"])?
        .language("en-US")
        .speech_model(SpeechModel::PhoneCall)
        .partial_result_callback(URL)
        .partial_result_callback_method(Method::Post)
        .profanity_filter(false)
        .barge_in(true)
        .say("Your number, please.")
        .play(Play::file("/beep.wav"))
        .pause(Pause::seconds(1)?))
}

fn whole_record() -> Result<Record, Invalid> {
    Ok(Record::to(URL)
        .method(Method::Post)
        .timeout(0)?
        .finish_on([Key::Pound, Key::Star, Key::Pound])?
        .max_length(120)?
        .play_beep(false)
        .trim(Trim::DoNotTrim)
        .recording_status_callback(URL, RecordingProgress::ALL.iter().copied())
        .recording_status_callback_method(Method::Get)
        .transcribe(URL))
}

fn whole_dial<N>(dial: Dial<N>) -> Result<Dial<N>, Invalid> {
    Ok(dial
        .time_limit(600)?
        .hangup_on_star(true)
        .record(DialRecording::FromAnswerDual)
        .recording_track(RecordingTrack::Both)
        .trim(Trim::TrimSilence)
        .recording_status_callback(URL, [RecordingProgress::Completed])
        .recording_status_callback_method(Method::Post))
}

fn number() -> Result<Number, Invalid> {
    Ok(Number::new("+15005550006")?
        .send_digits(Tones::new("ww12")?)
        .whisper(URL)
        .whisper_method(Method::Get)
        .status_callback(URL, CallProgress::ALL.iter().copied())
        .status_callback_method(Method::Get)
        .machine_detection(MachineDetection::Enable)
        .machine_detection_timeout(30)?
        .machine_detection_speech_threshold(2_400)?
        .machine_detection_speech_end_threshold(1_200)?
        .machine_detection_silence_timeout(5_000)?
        .amd_status_callback(URL)
        .amd_status_callback_method(Method::Get))
}

fn client() -> Result<Client, Invalid> {
    Ok(Client::new("alice")?
        .parameter("lead", "Ann & Bob")?
        .parameter("call", "1")?
        .whisper(URL)
        .whisper_method(Method::Post)
        .status_callback(URL, [CallProgress::Answered])
        .status_callback_method(Method::Post)
        .client_notification_url(URL))
}

fn sip() -> Result<Sip, Invalid> {
    Ok(Sip::to("sip:desk@pbx.example;transport=tls?x-lead=1")?
        .credentials("user", "pass")
        .whisper(URL)
        .whisper_method(Method::Get)
        .status_callback(URL, [CallProgress::Completed, CallProgress::Initiated])
        .status_callback_method(Method::Get)
        .machine_detection(MachineDetection::DetectMessageEnd)
        .machine_detection_timeout(60)?
        .machine_detection_speech_threshold(1_000)?
        .machine_detection_speech_end_threshold(500)?
        .machine_detection_silence_timeout(2_000)?
        .amd_status_callback(URL)
        .amd_status_callback_method(Method::Post))
}

fn conference() -> Result<Conference, Invalid> {
    let coached = "CA00000000000000000000000000000001".parse().expect("a call's identifier");
    Ok(Conference::new("room-1")?
        .muted(true)
        .beep(Beep::OnEnter)
        .start_on_enter(false)
        .end_on_exit(true)
        .participant_label("supervisor")?
        .jitter_buffer(JitterBuffer::Small)
        .wait_url("/wait")
        .wait_method(Method::Get)
        .max_participants(3)?
        .record(RoomRecording::FromStart)
        .trim(Trim::DoNotTrim)
        .region(Region::Frankfurt)
        .coach(&coached)
        .status_callback(URL, RoomEvent::ALL.iter().copied())
        .status_callback_method(Method::Post)
        .recording_status_callback(URL, [RecordingProgress::Absent, RecordingProgress::Completed])
        .recording_status_callback_method(Method::Post))
}

fn stream() -> Result<Stream, Invalid> {
    Stream::to("wss://voice.example/media")?
        .name("audio")?
        .status_callback(URL)?
        .status_callback_method(Method::Post)
        .parameter("token", "a<b>&\"c'")
}
