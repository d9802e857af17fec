//! Speech found in recordings: when it begins and ends, and what must not be taken for it.

use fixtures::Speaker;
use media::g711;
use media::vad::{Detector, EarshotVad, Policy, Vad, VadEvent, Verdict, WebRtcMode, WebRtcVad};
use proptest::prelude::*;

const SECOND: usize = 8000;

fn events_of(vad: impl Vad, samples: &[i16]) -> Vec<VadEvent> {
    events_under(vad, Policy::default(), samples)
}

fn events_under(vad: impl Vad, policy: Policy, samples: &[i16]) -> Vec<VadEvent> {
    let mut detector = Detector::new(vad, policy);
    let mut events = Vec::new();
    for frame in samples.chunks(160) {
        detector.push(frame, &mut events);
    }
    events
}

fn both(samples: &[i16]) -> [(&'static str, Vec<VadEvent>); 2] {
    [
        ("webrtc", events_of(WebRtcVad::default(), samples)),
        ("earshot", events_of(EarshotVad::new(), samples)),
    ]
}

fn starts(events: &[VadEvent]) -> Vec<u64> {
    let start = |event: &VadEvent| match event {
        VadEvent::Started { at_ms, .. } => Some(*at_ms),
        VadEvent::Stopped { .. } => None,
    };
    events.iter().filter_map(start).collect()
}

fn stops(events: &[VadEvent]) -> Vec<u64> {
    let stop = |event: &VadEvent| match event {
        VadEvent::Stopped { at_ms, .. } => Some(*at_ms),
        VadEvent::Started { .. } => None,
    };
    events.iter().filter_map(stop).collect()
}

/// A recording as a call carries it: through mu-law, two seconds of line before it, one after.
fn call(recording: &fixtures::Recording, noise_dbfs: Option<f64>) -> Vec<i16> {
    let mut samples = vec![0; 2 * SECOND];
    samples.extend(recording.samples_8k());
    samples.extend([0; SECOND]);
    if let Some(dbfs) = noise_dbfs {
        for (sample, noise) in samples.iter_mut().zip(noise(dbfs)) {
            *sample = sample.saturating_add(noise);
        }
    }
    g711::decode_all(&g711::encode_all(&samples))
}

/// The same soft hiss every time.
fn noise(dbfs: f64) -> impl Iterator<Item = i16> {
    let height = 32768.0 * 10f64.powf(dbfs / 20.0) * 3f64.sqrt();
    let mut state = 1u64;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0;
        (uniform * height) as i16
    })
}

fn tone(hz: f64, dbfs: f64, samples: usize) -> Vec<i16> {
    let height = 32768.0 * 10f64.powf(dbfs / 20.0) * 2f64.sqrt();
    (0..samples)
        .map(|i| (height * (std::f64::consts::TAU * hz * i as f64 / 8000.0).sin()) as i16)
        .collect()
}

/// Where a recording's sound begins and ends, in ms of its call: 32 dB below its loudest 10 ms.
fn sounds_from_to(recording: &fixtures::Recording) -> (u64, u64) {
    let power = |window: &[i16]| window.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
    let samples = recording.samples_8k();
    let powers: Vec<f64> = samples.chunks_exact(80).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    let sounds = |&power: &f64| power > loudest / 1585.0;
    let first = powers.iter().position(sounds).unwrap() as u64;
    let last = powers.iter().rposition(sounds).unwrap() as u64;
    (2000 + first * 10, 2010 + last * 10)
}

#[test]
fn speech_begins_and_ends_where_it_does() {
    // Every fourth prompt: unoptimised, the network takes its time.
    let prompts = fixtures::set("asterisk").into_iter().step_by(4);
    let callers = fixtures::set("callers");
    for recording in prompts.chain(callers).filter(|recording| !recording.transcript.is_empty()) {
        let (from, to) = sounds_from_to(&recording);
        for noise in [None, Some(-50.0)] {
            for (judge, events) in both(&call(&recording, noise)) {
                let name = &recording.name;
                let (starts, stops) = (starts(&events), stops(&events));
                assert!((1..=3).contains(&starts.len()), "{judge} {name} {noise:?}: {events:?}");
                assert_eq!(starts.len(), stops.len(), "{judge} {name} {noise:?}: {events:?}");
                let early = from as i64 - starts[0] as i64;
                assert!((-160..=60).contains(&early), "{judge} {name} {noise:?}: {early} ms early");
                let late = stops[stops.len() - 1] as i64 - to as i64;
                assert!((-150..=200).contains(&late), "{judge} {name} {noise:?}: {late} ms late");
            }
        }
    }
}

#[test]
fn every_human_recording_is_noticed() {
    let everyone = fixtures::SETS.into_iter().flat_map(fixtures::set);
    for recording in everyone.filter(|recording| recording.speaker == Speaker::Human) {
        let events = events_of(WebRtcVad::default(), &call(&recording, None));
        assert!(!starts(&events).is_empty(), "{}", recording.name);
    }
}

#[test]
fn decisions_come_soon_and_in_order() {
    let policy = Policy::default();
    for recording in fixtures::set("asterisk").into_iter().take(8) {
        for (judge, events) in both(&call(&recording, Some(-50.0))) {
            let mut time = 0;
            for (index, event) in events.iter().enumerate() {
                let (at_ms, decided_ms) = match *event {
                    VadEvent::Started { at_ms, from_ms, decided_ms } => {
                        assert_eq!(index % 2, 0, "{judge}: {events:?}");
                        assert!(from_ms >= time && from_ms <= at_ms && at_ms - from_ms <= 200);
                        // Speech of 60 ms, a dip or two within it, and windows that do not divide it.
                        assert!(decided_ms - at_ms <= 200, "{judge}: {event:?}");
                        (at_ms, decided_ms)
                    }
                    VadEvent::Stopped { at_ms, decided_ms } => {
                        assert_eq!(index % 2, 1, "{judge}: {events:?}");
                        let waited = decided_ms - at_ms;
                        assert!(
                            (policy.stop_ms.into()..=230).contains(&waited),
                            "{judge}: {event:?}"
                        );
                        (at_ms, decided_ms)
                    }
                };
                assert!(at_ms >= time, "{judge}: {events:?}");
                time = at_ms;
                assert!(decided_ms >= at_ms);
            }
        }
    }
}

#[test]
fn silence_and_soft_noise_are_not_speech() {
    let length = 20 * SECOND;
    for samples in [vec![0; length], noise(-57.0).take(length).collect()] {
        for (judge, events) in both(&samples) {
            assert_eq!(events, [], "{judge}");
        }
    }
}

#[test]
fn steady_noise_is_not_speech_even_where_the_call_begins_in_it() {
    for dbfs in [-50.0, -40.0, -30.0] {
        let samples: Vec<i16> = noise(dbfs).take(15 * SECOND).collect();
        for (judge, events) in both(&samples) {
            assert_eq!(events, [], "{judge} at {dbfs} dBFS");
        }
    }
}

#[test]
fn a_steady_tone_is_not_speech_for_long() {
    for hz in [350.0, 440.0, 1000.0] {
        let mut samples = vec![0; 2 * SECOND];
        samples.extend(tone(hz, -15.0, 10 * SECOND));
        for (judge, events) in both(&samples) {
            assert!(starts(&events).len() <= 1, "{judge} at {hz} Hz: {events:?}");
            assert_eq!(starts(&events).len(), stops(&events).len(), "{judge} at {hz} Hz");
            let longest = stops(&events).into_iter().max().unwrap_or(0);
            assert!(longest <= 2000 + 3100, "{judge} at {hz} Hz: {longest}");
        }
    }
}

#[test]
fn speech_after_a_long_tone_is_heard() {
    let mut samples = tone(440.0, -20.0, 8 * SECOND);
    samples.extend([0; SECOND]);
    let speech_at = samples.len() as u64 / 8;
    samples.extend(fixtures::recording("callers/hours").samples_8k());
    samples.extend([0; SECOND]);
    for (judge, events) in both(&samples) {
        let heard = starts(&events).into_iter().any(|at| at.abs_diff(speech_at) < 200);
        assert!(heard, "{judge}: {events:?}");
    }
}

#[test]
fn how_the_audio_is_cut_up_does_not_matter() {
    let samples = call(&fixtures::recording("callers/bargein"), None);
    let webrtc = || Box::new(WebRtcVad::default()) as Box<dyn Vad>;
    let earshot = || Box::new(EarshotVad::new()) as Box<dyn Vad>;
    for vad in [webrtc as fn() -> Box<dyn Vad>, earshot] {
        let whole = events_of(vad(), &samples);
        assert!(!whole.is_empty());
        for piece in [1, 7, 100, 161, 4000, samples.len()] {
            let mut detector = Detector::new(vad(), Policy::default());
            let mut events = Vec::new();
            samples.chunks(piece).for_each(|piece| detector.push(piece, &mut events));
            assert_eq!(events, whole, "in pieces of {piece}");
        }
    }
}

#[test]
fn a_reset_detector_is_as_new() {
    let samples = call(&fixtures::recording("callers/hours-awb"), None);
    for mode in [WebRtcMode::VeryAggressive, WebRtcMode::LowBitrate] {
        let mut detector = Detector::new(WebRtcVad::new(mode), Policy::default());
        let mut runs = [Vec::new(), Vec::new()];
        for events in &mut runs {
            detector.push(&samples, events);
            assert!(!detector.is_speaking());
            detector.reset();
        }
        assert_eq!(runs[0], runs[1]);
        assert!(!runs[0].is_empty());
    }
}

/// A judge that has been told what to say of each window of 20 ms.
struct Told(Vec<f32>, usize, Vec<i16>);

impl Told {
    /// Speech or not, but never surely.
    fn new(windows: impl IntoIterator<Item = bool>) -> Self {
        Self::likely(windows.into_iter().map(|speech| if speech { 0.8 } else { 0.0 }))
    }

    fn likely(windows: impl IntoIterator<Item = f32>) -> Self {
        Self(windows.into_iter().collect(), 0, Vec::new())
    }
}

impl Vad for Told {
    fn push(&mut self, samples: &[i16], verdicts: &mut Vec<Verdict>) {
        self.2.extend_from_slice(samples);
        while self.2.len() >= 160 {
            self.2.drain(..160);
            let speech = self.0.get(self.1).copied().unwrap_or_default();
            self.1 += 1;
            verdicts.push(Verdict { end_sample: self.1 as u64 * 160, speech });
        }
    }

    fn window(&self) -> usize {
        160
    }

    fn reset(&mut self) {
        self.1 = 0;
    }
}

/// Verdicts written as text, a letter for 20 ms: `x` is speech. The audio always stands out.
fn told(verdicts: &str) -> Vec<VadEvent> {
    let policy = Policy { above_background_db: -200.0, ..Policy::default() };
    let windows: Vec<bool> = verdicts.chars().map(|c| c == 'x').collect();
    let samples = vec![1000; windows.len() * 160];
    events_under(Told::new(windows), policy, &samples)
}

#[test]
fn a_click_is_not_speech() {
    assert_eq!(told("....x.....xx.....x.x.x.x.x......"), []);
}

#[test]
fn a_sure_window_counts_twice_and_steady_noise_is_never_sure() {
    let policy = Policy { above_background_db: -200.0, ..Policy::default() };
    for (windows, decided) in
        [([0.95, 0.95, 0.0, 0.0], 40), ([0.6, 0.95, 0.0, 0.0], 40), ([0.6, 0.6, 0.6, 0.0], 60)]
    {
        let events = events_under(Told::likely(windows), policy.clone(), &[1000; 4 * 160]);
        let started = VadEvent::Started { at_ms: 0, from_ms: 0, decided_ms: decided };
        assert_eq!(events, [started], "{windows:?}");
    }
    let mut verdicts = Vec::new();
    let loud: Vec<i16> = noise(-20.0).take(SECOND).collect();
    WebRtcVad::default().push(&loud, &mut verdicts);
    WebRtcVad::default().push(&tone(440.0, -15.0, SECOND), &mut verdicts);
    assert!(verdicts.iter().all(|verdict| verdict.speech < policy.threshold_sure));
}

#[test]
fn speech_is_dated_to_its_first_window_and_its_end_to_its_last() {
    let started = VadEvent::Started { at_ms: 400, from_ms: 200, decided_ms: 460 };
    let stopped = VadEvent::Stopped { at_ms: 500, decided_ms: 680 };
    assert_eq!(told(&format!("{}xxxxx{}", ".".repeat(20), ".".repeat(20))), [started, stopped]);
}

#[test]
fn a_dip_at_the_beginning_does_not_move_it() {
    let events = told(&format!("{}x.x.xxxx", ".".repeat(20)));
    // One window of speech and one of silence cancel out, and the case starts over.
    assert_eq!(events, [VadEvent::Started { at_ms: 480, from_ms: 280, decided_ms: 540 }]);
    let events = told(&format!("{}xx.xx", ".".repeat(20)));
    assert_eq!(events, [VadEvent::Started { at_ms: 400, from_ms: 200, decided_ms: 500 }]);
}

#[test]
fn a_pause_shorter_than_the_policys_is_within_speech() {
    let stopped = VadEvent::Stopped { at_ms: 300, decided_ms: 480 };
    let started = VadEvent::Started { at_ms: 0, from_ms: 0, decided_ms: 60 };
    assert_eq!(told("xxx........xxxx..........."), [started, stopped]);
}

#[test]
fn the_lead_in_does_not_reach_into_the_speech_before() {
    let events = told("xxx..........xxx");
    let second = VadEvent::Started { at_ms: 260, from_ms: 60, decided_ms: 320 };
    assert_eq!(events.last(), Some(&second));
    let policy = Policy { above_background_db: -200.0, stop_ms: 40, ..Policy::default() };
    let windows = "xxx...xxx".chars().map(|c| c == 'x');
    let events = events_under(Told::new(windows), policy, &[1000; 9 * 160]);
    let second = VadEvent::Started { at_ms: 120, from_ms: 60, decided_ms: 180 };
    assert_eq!(events.last(), Some(&second));
}

#[test]
fn silence_is_counted_before_it_is_certain() {
    let policy = Policy { above_background_db: -200.0, ..Policy::default() };
    let windows = "xxxx".chars().map(|c| c == 'x');
    let mut detector = Detector::new(Told::new(windows), policy);
    let mut silences = Vec::new();
    for _ in 0..18 {
        detector.push(&[1000; 160], &mut Vec::new());
        silences.push((detector.is_speaking(), detector.silence_ms()));
    }
    assert_eq!(silences[..3], [(false, 20), (false, 40), (true, 0)]);
    assert_eq!(silences[3..6], [(true, 0), (true, 20), (true, 40)]);
    assert_eq!(silences[11..14], [(true, 160), (false, 180), (false, 200)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn events_alternate_and_time_goes_forward(
        runs in prop::collection::vec((any::<bool>(), 1usize..30), 0..40),
    ) {
        let verdicts: String =
            runs.iter().map(|&(speech, n)| (if speech { "x" } else { "." }).repeat(n)).collect();
        let (mut speaking, mut time) = (false, 0);
        for event in told(&verdicts) {
            let (begins, at, decided) = match event {
                VadEvent::Started { at_ms, from_ms, decided_ms } => {
                    prop_assert!(from_ms <= at_ms);
                    (true, at_ms, decided_ms)
                }
                VadEvent::Stopped { at_ms, decided_ms } => (false, at_ms, decided_ms),
            };
            prop_assert!(begins != speaking);
            prop_assert!(at >= time && decided > at);
            (speaking, time) = (begins, at);
        }
    }

    #[test]
    fn any_audio_is_judged(pieces in prop::collection::vec(
        prop::collection::vec(any::<i16>(), 0..600), 0..20)
    ) {
        let mut webrtc = Detector::new(WebRtcVad::default(), Policy::default());
        let mut earshot = EarshotVad::new();
        let (mut events, mut verdicts) = (Vec::new(), Vec::new());
        for piece in &pieces {
            webrtc.push(piece, &mut events);
            earshot.push(piece, &mut verdicts);
        }
        let pushed = pieces.iter().map(Vec::len).sum::<usize>();
        prop_assert_eq!(verdicts.len(), pushed / earshot.window());
        prop_assert!(verdicts.iter().all(|verdict| (0.0..=1.0).contains(&verdict.speech)));
    }
}
