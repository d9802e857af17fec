//! The task behind one sentence, the same for every remote voice.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::{
    TtsEvent, TtsRequest, TtsStream, Work,
    http::{Deadline, Failure},
};

/// Time allowed for a whole sentence, however steadily it drips.
const SENTENCE_WITHIN: Duration = Duration::from_secs(120);

/// Runs `speak` with the request and the sender of its events until it ends, nobody listens, or its
/// time is up; a failure becomes the last event.
pub(crate) fn speaking<F>(
    vendor: &'static str,
    request: TtsRequest,
    speak: impl FnOnce(TtsRequest, mpsc::Sender<TtsEvent>) -> F,
) -> TtsStream
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (sender, events) = mpsc::channel(64);
    // Vendors answer marks alone with an error, a hum or nothing.
    let sayable = request.text.chars().any(char::is_alphanumeric);
    let speak = Box::pin(speak(request, sender.clone()));
    let work = Work::spawn(async move {
        let speaking = async {
            if !sayable {
                let _ = sender.send(TtsEvent::Done).await;
                return;
            }
            let whole = Deadline::within(SENTENCE_WITHIN, "end of the sentence");
            let failure = match whole.bound(speak).await {
                Ok(Ok(())) => return,
                Ok(Err(failure)) => failure,
                Err(problem) => problem.into(),
            };
            let _ = sender.send(TtsEvent::Failed(failure.of(vendor, "speak"))).await;
        };
        tokio::select! {
            () = speaking => {}
            () = sender.closed() => {}
        }
    });
    TtsStream { events, work }
}
