//! What the machine writes down, as metrics and log lines. Words that were said do not go there.

use turn::Note;

/// Counts and logs a note.
pub(super) fn observe(call: &str, note: &Note) {
    match note {
        Note::Answered { waterfall, .. } => {
            for (stage, from, to) in waterfall.stages() {
                metrics::histogram!("tandem_turn_stage_seconds", "stage" => stage)
                    .record((to - from).as_secs_f64());
            }
            if let Some(total) = waterfall.total() {
                metrics::histogram!("tandem_turn_seconds").record(total.as_secs_f64());
                tracing::debug!(
                    call,
                    ms = total.as_millis() as u64,
                    culprit = waterfall.culprit(),
                    "answered"
                );
            }
        }
        Note::AgentSaid { cut: true, .. } => {
            metrics::counter!("tandem_utterances_cut_total").increment(1);
        }
        Note::Backchannel { .. } => metrics::counter!("tandem_backchannels_total").increment(1),
        Note::Trouble { what } => tracing::warn!(call, what, "trouble"),
        Note::Ended { why } => {
            // The model's words for a transfer may be the caller's.
            let why = match why {
                turn::EndReason::Transferred { .. } => "transferred".to_owned(),
                other => format!("{other:?}"),
            };
            tracing::info!(call, why, "ended");
        }
        Note::CallerSaying { .. }
        | Note::CallerSaid { .. }
        | Note::AgentSaid { .. }
        | Note::Pressed { .. }
        | Note::ToolUsed { .. }
        | Note::Ordered { .. }
        | Note::TurnDecided { .. } => {}
    }
}
