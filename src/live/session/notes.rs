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
        Note::Contested { outcome, overlap_ms, .. } => {
            let outcome = match outcome {
                turn::Contest::Interruption => "interruption",
                turn::Contest::Backchannel => "backchannel",
                turn::Contest::Noise => "noise",
                turn::Contest::Echo => "echo",
            };
            metrics::counter!("tandem_contests_total", "outcome" => outcome).increment(1);
            metrics::histogram!("tandem_overlap_seconds").record(*overlap_ms as f64 / 1_000.0);
        }
        Note::Echo { .. } => metrics::counter!("tandem_echoes_total").increment(1),
        Note::Speculated { used, ahead_ms } => {
            let used = if *used { "used" } else { "wasted" };
            metrics::counter!("tandem_speculations_settled_total", "outcome" => used).increment(1);
            metrics::histogram!("tandem_speculation_ahead_seconds", "outcome" => used)
                .record(*ahead_ms as f64 / 1_000.0);
        }
        Note::AnsweredBy { by, known_by } => tracing::info!(call, ?by, known_by, "answered by"),
        Note::TurnDecided { decision, .. } => {
            metrics::histogram!("tandem_end_of_turn_seconds")
                .record(decision.silence_ms as f64 / 1_000.0);
        }
        Note::Tallied { .. }
        | Note::PersonSaid { .. }
        | Note::CallerSaying { .. }
        | Note::CallerSaid { .. }
        | Note::AgentSaid { .. }
        | Note::Pressed { .. }
        | Note::ToolUsed { .. }
        | Note::Ordered { .. } => {}
    }
}
