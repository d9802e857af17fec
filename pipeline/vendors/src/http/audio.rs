//! Speech that arrives as the body of one HTTP answer, passed on piece by piece.
//!
//! Shared by the voices that speak plain HTTP; what the bytes mean is the caller's [`Convert`].

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use reqwest::{Response, header::CONTENT_TYPE};
use tokio::sync::mpsc;

use super::{Deadline, Failure, problem_of};
use crate::{Problem, TtsEvent};

/// Makes 8 kHz mu-law of a vendor's bytes, wherever the network cut them.
pub(crate) trait Convert {
    /// What `bytes` add; may be nothing yet.
    fn push(&mut self, bytes: Bytes) -> Bytes;

    /// What was held back until the end.
    fn finish(&mut self) -> Bytes;
}

/// For vendors that speak mu-law themselves.
pub(crate) struct AsItIs;

impl Convert for AsItIs {
    fn push(&mut self, bytes: Bytes) -> Bytes {
        bytes
    }

    fn finish(&mut self) -> Bytes {
        Bytes::new()
    }
}

/// Passes the answer's body to `events` until it is complete, `Done` included.
///
/// `first` bounds the first audio, `next_within` each further piece, `limit` the bytes in all.
pub(crate) async fn relay(
    mut response: Response,
    mut convert: impl Convert,
    first: Deadline,
    next_within: Duration,
    limit: usize,
    events: &mpsc::Sender<TtsEvent>,
) -> Result<(), Failure> {
    let request_id = super::request_id(response.headers());
    let failed = |problem: Problem| Failure::from(problem).in_request(&request_id);

    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if let Some(kind) = kind.filter(|kind| kind.starts_with("text/") || kind.contains("json")) {
        return Err(failed(Problem::Malformed(format!("{kind} where audio was asked for"))));
    }

    let mut deadline = first;
    let mut taken = 0;
    let mut heard = false;
    let mut ready = VecDeque::new();
    loop {
        let piece = deadline
            .bound(response.chunk())
            .await
            .map_err(&failed)?
            .map_err(|error| failed(body_problem(&error)))?;
        let ended = piece.is_none();
        match piece {
            Some(bytes) => {
                if taken == 0 && bytes.starts_with(b"RIFF") {
                    return Err(failed(Problem::Malformed(
                        "a WAV file where bare samples were asked for".into(),
                    )));
                }
                taken += bytes.len();
                if taken > limit {
                    return Err(failed(Problem::Malformed(format!(
                        "more than {limit} bytes of audio for one sentence"
                    ))));
                }
                ready.push_back(convert.push(bytes));
            }
            None => ready.push_back(convert.finish()),
        }
        for audio in ready.drain(..).filter(|audio: &Bytes| !audio.is_empty()) {
            heard = true;
            if events.send(TtsEvent::Audio(audio)).await.is_err() {
                return Ok(());
            }
        }
        if ended {
            break;
        }
        // Before the first whole sample there is nothing to hear: the first deadline still holds.
        if heard {
            deadline = Deadline::within(next_within, "next audio");
        }
    }
    if !heard {
        return Err(failed(Problem::Malformed("no audio at all".into())));
    }
    let _ = events.send(TtsEvent::Done).await;
    Ok(())
}

/// A body's error: the head has arrived, so the vendor was reachable.
fn body_problem(error: &reqwest::Error) -> Problem {
    match problem_of(error) {
        Problem::Unreachable(cause) => Problem::Cut(cause),
        other => other,
    }
}
