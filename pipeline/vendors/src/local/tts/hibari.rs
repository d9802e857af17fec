//! The voice's network: phonemes in, a wave and the length of each phoneme out.

use ort::{session::Session, value::TensorRef};

use crate::local::{LocalError, models::Models, runtime::Runtime};

use super::{
    phonemes::Clause,
    vocoder::{BINS, HOP, Prediction, RATE, Vocoder},
};

/// The value inside the network that holds the length of each phoneme, in units of two frames. It is
/// no output of the file, but the file is pinned, so the name is certain.
const LENGTHS: &str = "/Clip_output_0";

/// The voice begins a sound up to 70 ms before the network's plan has it, so it is looked for from this
/// many frames before.
const EARLY_FRAMES: usize = 10;

/// How much of the pause before a clause's first sound is kept, in samples: 20 ms.
const LEAD: usize = 480;

/// How much of the pause after its last sound is kept, in frames: a breath of 250 ms.
const TAIL_FRAMES: usize = 20;

/// The network counts a pause to the sound before it, so a word's last sound is where the wave was
/// last louder than this; the voice speaks at about 0.05.
const SILENT: f32 = 0.004;

/// Loudness is looked at in stretches of 5 ms.
const MOMENT: usize = 120;

/// What is spoken of one clause.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Speech {
    /// At [`RATE`], ±1 at full scale.
    pub(crate) samples: Vec<f32>,
    /// For each of the clause's words its first and last sample.
    pub(crate) words: Vec<(usize, usize)>,
}

pub(crate) struct Hibari {
    session: Session,
    vocoder: Vocoder,
}

impl Hibari {
    pub(crate) fn load(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let path = models.named("hibari.onnx");
        let mut model = std::fs::read(&path).map_err(|error| LocalError::Model {
            path: path.clone(),
            problem: error.to_string(),
        })?;
        model.extend(one_more_output(LENGTHS));
        let session = runtime.session_of(&model, &path)?;
        Ok(Hibari { session, vocoder: Vocoder::new() })
    }

    pub(crate) fn speak(&mut self, clause: &Clause) -> ort::Result<Speech> {
        let ids = &clause.ids;
        let outputs = self.session.run(ort::inputs! {
            "ids" => TensorRef::from_array_view(([1, ids.len()], ids.as_slice()))?,
            "speed" => TensorRef::from_array_view(([1], [1.0_f32].as_slice()))?,
        })?;
        let part = |name: &str| -> ort::Result<&[f32]> {
            Ok(outputs[name].try_extract_tensor::<f32>()?.1)
        };
        let pitch = part("f0")?;
        let said = Prediction {
            frames: pitch.len(),
            voiced: part("lh")?,
            voiced_phase: part("theta")?,
            breath: part("ln")?,
            free: part("lr")?,
            free_phase: part("phi")?,
            pitch,
        };
        let lengths = part(LENGTHS)?;
        if !said.is_whole() || lengths.len() != ids.len() {
            let (frames, all) = (said.frames, said.voiced.len());
            return Err(ort::Error::new(format!(
                "the voice predicted {frames} frames, {all} values (of {BINS} each) and {} lengths of {} phonemes",
                lengths.len(),
                ids.len()
            )));
        }

        // Where each phoneme begins, in frames; one more for the end.
        let total: f32 = lengths.iter().sum();
        let frames_each = said.frames as f32 / total.max(1.0);
        let mut sum = 0.0;
        let mut starts = vec![0];
        starts.extend(lengths.iter().map(|length| {
            sum += length;
            (sum * frames_each).round() as usize
        }));
        let Some(first) = clause.words.first() else {
            return Ok(Speech { samples: Vec::new(), words: Vec::new() });
        };
        let from = starts[first.sounds.start].saturating_sub(EARLY_FRAMES);
        let mut samples = self.vocoder.synthesize(&said, from, said.frames);
        let pause = first_sound(&samples).saturating_sub(LEAD);
        samples.drain(..pause);
        let place = |frame: usize| {
            (frame.saturating_sub(from) * HOP).saturating_sub(pause).min(samples.len())
        };
        let mut words: Vec<(usize, usize)> = Vec::with_capacity(clause.words.len());
        for word in &clause.words {
            let (begin, end) = (place(starts[word.sounds.start]), place(starts[word.sounds.end]));
            let heard = if words.is_empty() { begin.min(LEAD) } else { begin };
            words.push((heard, last_sound(&samples, begin, end)));
        }
        let last = words.last().map_or(0, |(_, end)| *end);
        samples.truncate(last + TAIL_FRAMES * HOP);
        Ok(Speech { samples, words })
    }
}

fn is_heard(moment: &[f32]) -> bool {
    let square = moment.iter().map(|sample| sample * sample).sum::<f32>();
    (square / moment.len() as f32).sqrt() > SILENT
}

/// Where the wave is first heard; its beginning if it is heard nowhere.
fn first_sound(samples: &[f32]) -> usize {
    samples.chunks(MOMENT).position(is_heard).unwrap_or_default() * MOMENT
}

/// Where the wave is last heard between two places; the later one if it is heard nowhere.
fn last_sound(samples: &[f32], from: usize, to: usize) -> usize {
    let moments = samples[from..to].chunks(MOMENT).enumerate();
    let mut heard = moments.filter(|(_, moment)| is_heard(moment));
    heard.next_back().map_or(to, |(index, _)| (from + (index + 1) * MOMENT).min(to))
}

/// Appended to a model, this makes one of its inner values an output: a protobuf message may follow
/// another, and then their lists are joined. It says `ModelProto.graph.output.name = name`.
fn one_more_output(name: &str) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| {
        let length = u8::try_from(bytes.len()).expect("the name is short").min(127);
        let mut field = vec![tag, length];
        field.extend_from_slice(bytes);
        field
    };
    field(0x3A, &field(0x62, &field(0x0A, name.as_bytes())))
}

const _: () = assert!(RATE.is_multiple_of(8_000), "the carrier's rate divides the voice's");
