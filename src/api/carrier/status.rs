//! The carrier tells how a call fares.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse, Response as HttpResponse},
};
use twiml::{
    Response,
    form::{CallStatus, CallStatusCallback},
};

use super::{
    answer::{Ours, reply},
    auth::{Refused, SignedForm},
};
use crate::{
    app::scribe::{Fact, state_of},
    gateway::Gateway,
};

/// How long a session is given to write its last lines when the call is over.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(3);
/// How long the carrier waits until the database knows the call's name.
const NAMED_WITHIN: Duration = Duration::from_secs(2);

/// `POST /webhooks/twilio/status`. May come twice or out of order: only the end of a call has an
/// effect here, and the same one each time.
pub async fn status(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let told = CallStatusCallback::from_form(&form)?;
    let call_sid = told.call.call_sid.as_str();
    tracing::debug!(call = call_sid, status = ?told.call.call_status, "call status");
    if let (Some(app), Some(state)) =
        (gateway.control(), told.call.call_status.as_ref().and_then(state_of))
    {
        if let Some(id) = Ours::of(&uri).call_id.as_deref().and_then(|id| id.parse().ok()) {
            // The answer to our order may not have come, or not yet.
            let named = tokio::time::timeout(NAMED_WITHIN, app.name_call(id, call_sid)).await;
            if let Ok(Err(error)) = named {
                tracing::warn!(call = call_sid, error = ?error, "a call could not be named");
            }
        }
        let at = told.timestamp.unwrap_or_else(|| app.clock.now());
        let fact = Fact::State { call_sid: call_sid.into(), state, at };
        if state.is_over() && gateway.desk.registry.whose(call_sid).is_some() {
            let (app, gateway, call_sid) = (app.clone(), gateway.clone(), call_sid.to_owned());
            tokio::spawn(async move {
                let gone = async {
                    while gateway.desk.registry.whose(&call_sid).is_some() {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                };
                // Its last lines come before its end.
                let _ = tokio::time::timeout(LAST_LINES_WITHIN, gone).await;
                app.report(fact);
            });
        } else {
            app.report(fact);
        }
    }
    if told.call.call_status.as_ref().is_some_and(CallStatus::is_terminal) {
        gateway.desk.registry.call_over(call_sid);
        gateway.desk.hang_ups.over(&told.call.call_sid);
    }
    Ok(reply(&Response::new().end()).into_response())
}
