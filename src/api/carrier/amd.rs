//! The carrier says who, or what, answered a call that we made.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response as HttpResponse},
};
use turn::Answerer;
use twiml::{
    CallSid, Response,
    form::{AmdResult, AnsweredBy},
};

use super::{
    answer::reply,
    auth::{Refused, SignedForm},
};
use crate::gateway::Gateway;

/// `POST /webhooks/twilio/amd`: the result of detection that runs beside the call
/// (`AsyncAmdStatusCallback`, or a `<Number>`'s `amdStatusCallback`). May come before the audio is
/// connected, long after, twice, or for a call that is over.
pub async fn amd(
    State(gateway): State<Arc<Gateway>>,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let result = AmdResult::from_form(&form)?;
    tell(&gateway, &result.call_sid, &result.answered_by);
    Ok(reply(&Response::new().end()).into_response())
}

/// Tells the call's session, which is the one that knows what to make of it.
pub(super) fn tell(gateway: &Gateway, call: &CallSid, by: &AnsweredBy) {
    let answerer = answerer(by);
    if gateway.desk.registry.answered_by(call.as_str(), answerer) {
        tracing::info!(call = call.as_str(), %by, "answered");
        // The carrier's own word may be any; what it is taken for is one of six.
        metrics::counter!("tandem_answerers_total", "by" => format!("{answerer:?}")).increment(1);
    }
}

/// What a word of the carrier's is taken for.
fn answerer(by: &AnsweredBy) -> Answerer {
    match by {
        AnsweredBy::Human => Answerer::Human,
        AnsweredBy::MachineStart => Answerer::Machine,
        AnsweredBy::MachineEndBeep => Answerer::MachineAfterBeep,
        // However its greeting ended, it listens now.
        AnsweredBy::MachineEndSilence | AnsweredBy::MachineEndOther => Answerer::MachineSilent,
        AnsweredBy::Fax => Answerer::Fax,
        // A kind of machine that came after this was written may still speak.
        AnsweredBy::Other(_) if by.is_machine() => Answerer::Machine,
        AnsweredBy::Unknown | AnsweredBy::Other(_) => Answerer::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_carrier_is_taken_for_something() {
        for (word, wanted) in [
            ("human", Answerer::Human),
            ("machine_start", Answerer::Machine),
            ("machine_end_beep", Answerer::MachineAfterBeep),
            ("machine_end_silence", Answerer::MachineSilent),
            ("machine_end_other", Answerer::MachineSilent),
            ("fax", Answerer::Fax),
            ("unknown", Answerer::Unknown),
            ("machine_end_music", Answerer::Machine),
            ("parrot", Answerer::Unknown),
            ("", Answerer::Unknown),
        ] {
            let Ok(by) = word.parse();
            assert_eq!(answerer(&by), wanted, "{word}");
        }
    }
}
