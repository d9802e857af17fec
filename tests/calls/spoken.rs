//! The voice gets the text as it is said; what is written down of it stays as it was written.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tandem::{
    caller::Step,
    live::voice::{Job, Spoken, Voice},
};
use turn::{Epoch, Note, UtteranceId};
use vendors::{
    elevenlabs,
    local::FliteVoice,
    played::{self, deepgram, openai},
};

use super::line::{Setup, agent_said, answered, say, voice, went_well};

const WRITTEN: &str = "A cleaning is $1,299.50 at No. 5, Dr. Lee is in from 9:30 a.m. on Nov. 21.";
const SAID: &str = "A cleaning is one thousand two hundred ninety-nine dollars and fifty cents at \
                    number five, doctor Lee is in from nine thirty A.M. on November twenty-first.";

/// Speaks a sentence by a played vendor that times characters; the written words that were timed, with
/// their times.
async fn timed(text: &str, language: &str) -> Vec<(String, u32, u32)> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let server = played::elevenlabs::Server::start(played::elevenlabs::Script::new()).await;
    let mut settings = elevenlabs::Settings::new(SecretString::from("test-key"));
    settings.base_url.clone_from(&server.base_url);
    let chosen = Arc::new(elevenlabs::Tts::new(settings).expect("the settings are right"));
    let mut voice = Voice::new(chosen, Arc::new(FliteVoice::new()), None, language.into());
    voice.speak(Job {
        epoch: Epoch(0),
        utterance: UtteranceId(0),
        sentence: 0,
        text: text.into(),
        spare: false,
        first: false,
    });
    let (mut words, mut begin) = (Vec::new(), 0);
    loop {
        match voice.next().await {
            (_, Spoken::Audio(_)) => {}
            (_, Spoken::Words(times)) => words.extend(times.iter().map(|time| {
                let word = text[begin..time.text_end].trim().to_owned();
                begin = time.text_end;
                (word, time.from_ms, time.to_ms)
            })),
            (_, Spoken::Done) => return words,
            (_, Spoken::Failed(error)) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn times_of_spoken_words_are_those_of_the_written() {
    let words = timed(WRITTEN, "en-US").await;
    let written: Vec<&str> = words.iter().map(|(word, ..)| word.as_str()).collect();
    let expected = [
        "A",
        "cleaning",
        "is",
        "$1,299.50",
        "at",
        "No.",
        "5,",
        "Dr.",
        "Lee",
        "is",
        "in",
        "from",
        "9:30",
        "a.m.",
        "on",
        "Nov.",
        "21.",
    ];
    assert_eq!(written, expected);
    assert!(words.windows(2).all(|pair| pair[0].2 <= pair[1].1), "{words:?}");
    assert!(words.iter().all(|(_, from, to)| from < to), "{words:?}");
    // A sum takes as long as all of its words.
    let sum = words.iter().find(|(word, ..)| word == "$1,299.50").expect("it is timed");
    let article = &words[0];
    assert!(sum.2 - sum.1 > 20 * (article.2 - article.1), "{words:?}");

    let russian = timed("Приём 21 ноября 2026 г. в 9:30, 1 500 ₽.", "ru-RU").await;
    let written: Vec<&str> = russian.iter().map(|(word, ..)| word.as_str()).collect();
    assert_eq!(written, ["Приём", "21 ноября 2026 г.", "в", "9:30,", "1 500 ₽."]);
}

#[tokio::test]
async fn a_text_without_a_sound_is_done_at_once() {
    assert!(timed("🙂 …", "en-US").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heard_text_stays_as_written() {
    let setup = Setup {
        openai: openai::Script::new().reply(WRITTEN),
        deepgram: deepgram::Script::new().hears("What is it?"),
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line.call(vec![answered(), say("callers/yes"), answered()]).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    assert_eq!(agent_said(&notes).last().map(String::as_str), Some(WRITTEN));
    let asked: Vec<String> = line
        .deepgram
        .host
        .requests()
        .iter()
        .filter_map(|request| request.body["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(asked[1..].join(" "), SAID);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_is_cut_between_written_words() {
    let server = played::elevenlabs::Server::start(played::elevenlabs::Script::new()).await;
    let setup = Setup {
        openai: openai::Script::new().reply(WRITTEN).reply("Fine."),
        deepgram: deepgram::Script::new().hears("What is it?").hears("Stop, that is enough."),
        env: vec![
            ("TANDEM_TTS", "elevenlabs".into()),
            ("ELEVENLABS_API_KEY", "test-key".into()),
            ("ELEVENLABS_URL", server.base_url.clone()),
        ],
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line
        .call(vec![
            answered(),
            say("callers/hours"),
            Step::BargeIn {
                after: Duration::from_millis(1_500),
                say: voice("callers/bargein"),
                within: Duration::from_secs(10),
            },
            answered(),
        ])
        .await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    let heard = notes.iter().find_map(|note| match note {
        Note::AgentSaid { text, meant, cut: true, .. } if meant == WRITTEN => Some(text.clone()),
        _ => None,
    });
    let heard = heard.expect("the answer was cut");
    let rest = WRITTEN.strip_prefix(heard.as_str()).expect("what was heard is as written");
    assert!(rest.starts_with(' '), "{heard:?}");
    line.stop().await;
}
