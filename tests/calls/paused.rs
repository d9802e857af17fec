//! Callers whose agent is paused and told to go on over the API, and what they hear of it, to the sample.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use media::g711;
use serde_json::json;
use tandem::{caller::exchange::Leg, realtime::Kind};
use tokio::time::Instant;
use vendors::played::Voice;

use super::floor::{Floor, SOON};

/// Samples and bytes of a millisecond on the line.
pub const PER_MS: usize = 8;
/// What is quieter is silence: 45 dB below the loudest.
const QUIET: u16 = 184;

/// Chances, drawn from a seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Chance(seed)
    }

    /// The next number below `bound` (SplitMix64).
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// A word of no meaning that stands for this number.
pub fn word(mut number: usize) -> String {
    let mut word = String::new();
    for _ in 0..3 {
        word.push(char::from(b"bdfgklmnpr"[number % 10]));
        word.push(char::from(b"aeiou"[number / 10 % 5]));
        number /= 50;
    }
    word
}

/// A voice of which each millisecond says which text it is of and where in it: eight loud samples.
#[derive(Clone, Default)]
pub struct Coded {
    texts: Arc<Mutex<Vec<(String, usize)>>>,
}

/// A millisecond of a [`Coded`] voice that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Where it was heard.
    pub sample: usize,
    /// Which text, and which of its milliseconds.
    pub text: usize,
    pub ms: usize,
}

impl Coded {
    /// The voice, so many ms for each character.
    pub fn voice(&self, ms_per_char: usize) -> Voice {
        let texts = self.texts.clone();
        let (mark, digits) = symbols();
        Voice::new(move |text| {
            let length = text.chars().count() * ms_per_char;
            let number = {
                let mut texts = texts.lock().unwrap_or_else(PoisonError::into_inner);
                texts.push((text.to_owned(), length));
                texts.len() - 1
            };
            let bytes = (0..length).flat_map(|ms| {
                let place = [number / 128 % 128, number % 128, ms / 128 % 128, ms % 128];
                let sum = place.iter().sum::<usize>() % 128;
                let [n1, n0, m1, m0] = place.map(|digit| digits[digit]);
                [mark, n1, n0, m1, m0, digits[sum], digits[127 - sum], digits[sum]]
            });
            // As the line codes it: of three equal samples the mean is the same.
            bytes.flat_map(|byte| [g711::decode(byte); 3]).collect()
        })
    }

    /// The texts so far, each with its length in ms.
    pub fn texts(&self) -> Vec<(String, usize)> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What of it is in this audio, in whole milliseconds.
    pub fn heard(audio: &[u8]) -> Vec<Heard> {
        let (mark, digits) = symbols();
        let digit = |byte: u8| digits.iter().position(|of| *of == byte);
        let found = audio.windows(PER_MS).enumerate().filter(|(_, block)| block[0] == mark);
        let read = found.filter_map(|(sample, block)| {
            let place = [digit(block[1])?, digit(block[2])?, digit(block[3])?, digit(block[4])?];
            let sum = place.iter().sum::<usize>() % 128;
            let sound = [digits[sum], digits[127 - sum], digits[sum]] == block[5..];
            let (text, ms) = (place[0] * 128 + place[1], place[2] * 128 + place[3]);
            sound.then_some(Heard { sample, text, ms })
        });
        read.collect()
    }
}

/// Codes of loud samples: one that begins a millisecond, and 128 that count.
fn symbols() -> (u8, Vec<u8>) {
    let loud = |byte: &u8| {
        let sample = g711::decode(*byte);
        (1_000..24_000).contains(&sample.unsigned_abs()) && g711::encode(sample) == *byte
    };
    let codes: Vec<u8> = (0..=255).filter(loud).collect();
    (codes[0], codes[1..129].to_vec())
}

/// An order over the API: when it was sent, and when its answer was there.
#[derive(Clone, Copy, Debug)]
pub struct Ordered {
    pub asked: Instant,
    pub answered: Instant,
}

/// A caller, and the supervisor's way to their call.
pub struct Caller {
    pub leg: Leg,
    pub id: String,
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Caller {
    /// Callers with numbers of their own, all connected.
    pub async fn connected(floor: &mut Floor, how_many: usize) -> Vec<Caller> {
        let http = reqwest::Client::new();
        let mut callers = Vec::new();
        for number in 0..how_many {
            let began = Instant::now();
            // Where the machine is behind the line is busy: one calls again.
            let (leg, id) = loop {
                let leg = floor.caller_from(&format!("+1500555{number:04}"));
                let sid = leg.sid().to_owned();
                let started = floor.until("the call", |event| match &event.kind {
                    Kind::CallStarted(call) if call.call_sid.as_ref() == Some(&sid) => {
                        Some(call.id.to_string())
                    }
                    _ => None,
                });
                tokio::select! {
                    id = started => break (leg, id),
                    ended = leg.ended(SOON) => assert_eq!(ended, Ok("busy")),
                }
                assert!(began.elapsed() < SOON, "there is room for a call");
                tokio::time::sleep(Duration::from_millis(500)).await;
            };
            let url = format!("{}/api/v1/calls/{id}", floor.line.url);
            let (token, http) = (floor.token.clone(), http.clone());
            callers.push(Caller { leg, id, url, token, http });
        }
        callers
    }

    /// Intervenes: `pause` or `resume`. It must be answered with 200.
    pub async fn order(&self, action: &str) -> Ordered {
        let order = json!({ "action": action });
        let url = format!("{}/intervene", self.url);
        let request = self.http.post(url).bearer_auth(&self.token).json(&order);
        let asked = Instant::now();
        let answer = request.send().await.expect("an answer");
        let answered = Instant::now();
        let status = answer.status();
        let body = answer.text().await.unwrap_or_default();
        assert_eq!(status, 200, "{action} of call {}: {body}", self.id);
        Ordered { asked, answered }
    }

    /// Until so many samples of the line have passed.
    pub async fn passed(&self, samples: usize) {
        self.leg.until("the time", SOON, |leg| leg.length() >= samples).await.expect("it passes");
    }

    /// The first and the last audible sample from one place to another, as far as it has been.
    pub fn audible(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let heard = self.leg.heard_between(from, to);
        let loud = |byte: &u8| g711::decode(*byte).unsigned_abs() > QUIET;
        let first = heard.iter().position(loud)?;
        let last = heard.iter().rposition(loud)?;
        Some((from + first, from + last))
    }
}
