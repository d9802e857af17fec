//! Recordings of legs: cut from what was said and heard, told of, and given out as WAV.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media::g711;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use twiml::Form;

use super::super::callbacks::Job;
use super::super::sid;
use super::{CallTold, Inside, MOST, Record};

/// How a recording is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub dual: bool,
    pub told: CallTold,
}

/// A recording.
pub struct Tape {
    pub sid: String,
    pub leg: Arc<Record>,
    wanted: Wanted,
    source: &'static str,
    began: chrono::DateTime<chrono::Utc>,
    cut: Mutex<Cut>,
}

struct Cut {
    status: &'static str,
    /// Stretches that are recorded, in samples of the leg; the last one is open while it runs.
    pieces: Vec<(usize, Option<usize>)>,
    /// Whether pauses are silence.
    silence: bool,
}

/// Begins to record a leg, to its end or until it is stopped. None if there are too many.
pub fn start(
    exchange: &Arc<Inside>,
    leg: &Arc<Record>,
    wanted: Wanted,
    source: &'static str,
) -> Option<Arc<Tape>> {
    let cut = Cut { status: "in-progress", pieces: vec![(leg.length(), None)], silence: true };
    let tape = Arc::new(Tape {
        sid: sid("RE"),
        leg: Arc::clone(leg),
        wanted,
        source,
        began: chrono::Utc::now(),
        cut: Mutex::new(cut),
    });
    {
        let mut state = exchange.state();
        if state.tapes.len() >= MOST {
            return None;
        }
        state.tapes.push(Arc::clone(&tape));
    }
    tape.tell(exchange, "in-progress");
    let (exchange, watched) = (Arc::clone(exchange), Arc::clone(&tape));
    tokio::spawn(async move {
        tokio::select! {
            () = watched.leg.until(Record::is_over) => { watched.change(&exchange, "stopped", true); }
            () = exchange.stop.cancelled() => {}
        }
    });
    Some(tape)
}

impl Tape {
    /// Pauses, goes on or stops. False if it is over already.
    pub fn change(&self, exchange: &Arc<Inside>, order: &str, silence: bool) -> bool {
        let at = self.leg.length();
        {
            let mut cut = self.cut();
            if cut.status == "completed" {
                return false;
            }
            let open = cut.pieces.last().is_some_and(|(_, to)| to.is_none());
            match order {
                "in-progress" if !open => cut.pieces.push((at, None)),
                "paused" | "stopped" if open => {
                    if let Some((_, to)) = cut.pieces.last_mut() {
                        *to = Some(at);
                    }
                }
                _ => {}
            }
            cut.status = match order {
                "paused" => "paused",
                "in-progress" => "in-progress",
                _ => "completed",
            };
            if order == "paused" {
                cut.silence = silence;
            }
        }
        if order == "stopped" {
            self.tell(exchange, "completed");
        }
        true
    }

    /// Is there a file?
    pub fn is_ready(&self) -> bool {
        self.cut().status == "completed"
    }

    /// The file: the far end on the left, what it heard on the right, or both in one.
    pub fn wav(&self) -> Option<Vec<u8>> {
        let (said, heard) = self.audio();
        let channels = if self.wanted.dual { 2 } else { 1 };
        let spec = hound::WavSpec {
            channels,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).ok()?;
        for (said, heard) in said.iter().zip(&heard) {
            let (said, heard) = (g711::decode(*said), g711::decode(*heard));
            if self.wanted.dual {
                writer.write_sample(said).ok()?;
                writer.write_sample(heard).ok()?;
            } else {
                writer.write_sample(said.saturating_add(heard)).ok()?;
            }
        }
        writer.finalize().ok()?;
        Some(file.into_inner())
    }

    /// As REST shows it.
    pub fn shown(&self, account: &str) -> Value {
        let status = self.cut().status;
        let done = status == "completed";
        json!({
            "sid": self.sid,
            "account_sid": account,
            "call_sid": self.leg.sid,
            "conference_sid": null,
            "status": status,
            "source": self.source,
            "channels": if self.wanted.dual { 2 } else { 1 },
            "duration": done.then(|| self.seconds().to_string()),
            "start_time": self.began.to_rfc2822(),
            "uri": format!("/2010-04-01/Accounts/{account}/Recordings/{}.json", self.sid),
        })
    }

    fn seconds(&self) -> u64 {
        (self.audio().0.len() as u64).div_ceil(8_000)
    }

    fn audio(&self) -> (Vec<u8>, Vec<u8>) {
        let (pieces, silence) = {
            let cut = self.cut();
            (cut.pieces.clone(), cut.silence)
        };
        let (mut said, mut heard, mut last) = (Vec::new(), Vec::new(), None);
        for (from, to) in pieces {
            if let (true, Some(last)) = (silence, last) {
                let gap = from.saturating_sub(last);
                said.resize(said.len() + gap, g711::SILENCE);
                heard.resize(heard.len() + gap, g711::SILENCE);
            }
            let piece = self.leg.slice(from, to.unwrap_or(usize::MAX));
            said.extend(piece.0);
            heard.extend(piece.1);
            last = to;
        }
        (said, heard)
    }

    fn tell(&self, exchange: &Arc<Inside>, status: &str) {
        let Some((url, method, events)) = self.wanted.told.clone() else { return };
        let wanted = if events.is_empty() {
            status == "completed"
        } else {
            events.iter().any(|event| event == status)
        };
        if !wanted {
            return;
        }
        let account = &exchange.door.account_sid;
        let place = format!("/2010-04-01/Accounts/{account}/Recordings/{}", self.sid);
        let form = Form::default()
            .with("AccountSid", account.as_str())
            .with("CallSid", self.leg.sid.as_str())
            .with("RecordingSid", self.sid.as_str())
            .with("RecordingUrl", format!("http://{}{place}", exchange.settings.address))
            .with("RecordingStatus", status)
            .with("RecordingChannels", if self.wanted.dual { "2" } else { "1" })
            .with("RecordingSource", self.source)
            .with("RecordingStartTime", self.began.to_rfc2822());
        let form = if status == "completed" {
            form.with("RecordingDuration", self.seconds().to_string())
        } else {
            form
        };
        let (purpose, after) = ("recording", Duration::ZERO);
        if !exchange.callbacks.post(Job { purpose, method, url, form, after }) {
            tracing::warn!("a recording's callback was left out: too many were waiting");
        }
    }

    fn cut(&self) -> MutexGuard<'_, Cut> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is told, as the parameters of an order say it.
pub fn told(form: &Form, name: &str) -> Result<CallTold, ()> {
    let Some(url) = form.get(name).filter(|url| !url.is_empty()) else { return Ok(None) };
    let url = Url::parse(url).map_err(|_| ())?;
    let method = match form.get(&format!("{name}Method")) {
        Some("GET") => Method::GET,
        _ => Method::POST,
    };
    let event = format!("{name}Event");
    let events = form.get_all(&event).flat_map(str::split_ascii_whitespace);
    Ok(Some((url, method, events.map(ToOwned::to_owned).collect())))
}
