//! How the caller's voice ends: its pitch and level, and what a model makes of the turn's sound.
//!
//! Pitch is followed at every frame; the model is asked once in each silence, on the inference threads.
//! Both are evidence only: `turn::endpoint` weighs it.

use std::collections::VecDeque;

use futures_util::future::BoxFuture;
use media::{
    frame::{ms_of_samples, samples_of_ms},
    prosody::{Prosody, Voicing},
};
use turn::Moment;
use vendors::{
    VendorError,
    local::turn::{HEARS_MS, SmartTurn},
};

/// One caller's endings.
pub struct Endings {
    prosody: Prosody,
    /// The position of the first sample, and how many have come since.
    origin: Option<u64>,
    taken: u64,
    /// Where the stretch of speech under way began, ms.
    began_ms: u64,
    voicing: Voicing,
    judge: Option<Judge>,
}

/// The model, and the caller's last seconds for it.
struct Judge {
    model: SmartTurn,
    /// The last [`HEARS_MS`], mu-law.
    recent: VecDeque<u8>,
    /// Where the turn began, ms.
    turn_ms: Option<u64>,
    asked: Option<BoxFuture<'static, (Moment, Result<f32, VendorError>)>>,
}

impl Endings {
    /// Endings of a call that has not begun; `model` where there is one.
    pub fn new(model: Option<SmartTurn>) -> Self {
        let judge = model.map(|model| Judge {
            model,
            recent: VecDeque::with_capacity(samples_of_ms(HEARS_MS) as usize),
            turn_ms: None,
            asked: None,
        });
        Endings {
            prosody: Prosody::new(),
            origin: None,
            taken: 0,
            began_ms: 0,
            voicing: Voicing::default(),
            judge,
        }
    }

    /// Takes the next audio, at its place in the call; `samples` are the same audio decoded.
    pub fn push(&mut self, at_sample: u64, mulaw: &[u8], samples: &[i16]) {
        self.origin.get_or_insert(at_sample);
        self.taken += samples.len() as u64;
        self.prosody.push(samples);
        if let Some(judge) = &mut self.judge {
            let most = samples_of_ms(HEARS_MS) as usize;
            let over = (judge.recent.len() + mulaw.len()).saturating_sub(most);
            judge.recent.drain(..over.min(judge.recent.len()));
            judge.recent.extend(&mulaw[mulaw.len().saturating_sub(most)..]);
        }
    }

    /// The caller speaks, from this time of the call on. `fresh`: this begins a turn.
    pub fn started(&mut self, from_ms: u64, fresh: bool) {
        self.began_ms = from_ms;
        self.voicing.began(from_ms.saturating_sub(self.origin_ms()));
        if let Some(judge) = &mut self.judge {
            judge.asked = None;
            if fresh {
                judge.turn_ms = None;
            }
            judge.turn_ms.get_or_insert(from_ms);
        }
    }

    /// The caller fell silent at this time of the call, which is the moment `at`. How the voice ended;
    /// the model's judgement comes from [`Endings::judged`].
    pub fn stopped(&mut self, at_ms: u64, at: Moment) -> turn::endpoint::Prosody {
        self.voicing.ended();
        let origin_ms = self.origin_ms();
        let end_ms = origin_ms + ms_of_samples(self.taken);
        if let Some(judge) = &mut self.judge {
            let from_ms = judge.turn_ms.unwrap_or(self.began_ms);
            let wanted = samples_of_ms(end_ms.saturating_sub(from_ms)) as usize;
            let skipped = judge.recent.len().saturating_sub(wanted);
            let audio: Vec<u8> = judge.recent.range(skipped..).copied().collect();
            let model = judge.model.clone();
            judge.asked = Some(Box::pin(async move { (at, model.judge(audio).await) }));
        }
        let place = |ms: u64| ms.saturating_sub(origin_ms);
        let ending = self.prosody.ending(place(self.began_ms), place(at_ms));
        turn::endpoint::Prosody {
            pitch: ending.pitch,
            slope: ending.slope,
            level: ending.level,
            held_ms: ending.held_ms,
            spoken_ms: ending.spoken_ms,
        }
    }

    /// How much of the voice that is there is voiced so far, ms, if that is news.
    pub fn voiced(&mut self) -> Option<u32> {
        self.voicing.news(&self.prosody)
    }

    fn origin_ms(&self) -> u64 {
        ms_of_samples(self.origin.unwrap_or(0))
    }

    /// The model's judgement of the silence at the moment given, when it comes. May be dropped and
    /// called again.
    pub async fn judged(&mut self) -> (Moment, f32) {
        loop {
            let Some(asked) = self.judge.as_mut().and_then(|judge| judge.asked.as_mut()) else {
                return std::future::pending().await;
            };
            let (at, judgement) = asked.await;
            if let Some(judge) = &mut self.judge {
                judge.asked = None;
            }
            match judgement {
                Ok(over) => return (at, over),
                // The words and the silence decide without it.
                Err(error) => {
                    metrics::counter!("tandem_turn_model_failures_total").increment(1);
                    tracing::debug!(%error, "the end of a turn was not judged");
                }
            }
        }
    }
}
